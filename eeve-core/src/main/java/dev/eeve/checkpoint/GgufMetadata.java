package dev.eeve.checkpoint;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SequencedMap;

/**
 * The keys of a GGUF file. A key that is there with another type than is asked for is an error that
 * names it.
 *
 * @param file where they are
 * @param values by key, in the file's order
 */
public record GgufMetadata(Path file, SequencedMap<String, GgufValue> values) {
  /** Keeps a copy. */
  public GgufMetadata {
    values = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(values));
  }

  /**
   * A string.
   *
   * @param key its name
   * @return empty where there is no such key
   * @throws CheckpointException where it is no string
   */
  public Optional<String> text(String key) throws CheckpointException {
    return switch (values.get(key)) {
      case null -> Optional.empty();
      case GgufValue.Text text -> Optional.of(text.value());
      case GgufValue other -> throw wrongType(key, other, "a string");
    };
  }

  /**
   * An integer of any width.
   *
   * @param key its name
   * @return empty where there is no such key
   * @throws CheckpointException where it is no integer, negative or beyond 31 bits
   */
  public OptionalInt integer(String key) throws CheckpointException {
    return switch (values.get(key)) {
      case null -> OptionalInt.empty();
      case GgufValue.Whole whole -> OptionalInt.of(small(key, whole));
      case GgufValue other -> throw wrongType(key, other, "an integer");
    };
  }

  private int small(String key, GgufValue.Whole whole) throws CheckpointException {
    if (whole.value() < 0 || whole.value() > Integer.MAX_VALUE) {
      boolean unsigned = whole.type() == GgufType.UINT64;
      throw failure(
          key,
          (unsigned ? Long.toUnsignedString(whole.value()) : whole.value())
              + " found, needed 0 to "
              + Integer.MAX_VALUE);
    }
    return (int) whole.value();
  }

  /**
   * A fraction of any width.
   *
   * @param key its name
   * @return empty where there is no such key
   * @throws CheckpointException where it is no fraction
   */
  public OptionalDouble real(String key) throws CheckpointException {
    return switch (values.get(key)) {
      case null -> OptionalDouble.empty();
      case GgufValue.Real real -> OptionalDouble.of(real.value());
      case GgufValue other -> throw wrongType(key, other, "a fraction");
    };
  }

  /**
   * A yes or no.
   *
   * @param key its name
   * @return empty where there is no such key
   * @throws CheckpointException where it is none
   */
  public Optional<Boolean> flag(String key) throws CheckpointException {
    return switch (values.get(key)) {
      case null -> Optional.empty();
      case GgufValue.Flag flag -> Optional.of(flag.value());
      case GgufValue other -> throw wrongType(key, other, "true or false");
    };
  }

  /**
   * Strings.
   *
   * @param key their name
   * @return empty where there is no such key
   * @throws CheckpointException where they are none
   */
  public Optional<List<String>> texts(String key) throws CheckpointException {
    return list(key, String.class, "an array of strings");
  }

  /**
   * Integers.
   *
   * @param key their name
   * @return empty where there is no such key
   * @throws CheckpointException where they are none
   */
  public Optional<List<Long>> integers(String key) throws CheckpointException {
    return list(key, Long.class, "an array of integers");
  }

  private <T> Optional<List<T>> list(String key, Class<T> type, String needed)
      throws CheckpointException {
    return switch (values.get(key)) {
      case null -> Optional.empty();
      case GgufValue.Array array when array.values().stream().allMatch(type::isInstance) ->
          Optional.of(array.values().stream().map(type::cast).toList());
      case GgufValue other -> throw wrongType(key, other, needed);
    };
  }

  private CheckpointException wrongType(String key, GgufValue found, String needed) {
    String elements = found instanceof GgufValue.Array array ? " of " + array.elements() : "";
    return failure(key, found.type() + elements + " found, needed " + needed);
  }

  /**
   * An error that names a key.
   *
   * @param key the key at fault
   * @param detail what was found, needed and to be done
   * @return to be thrown
   */
  public CheckpointException failure(String key, String detail) {
    return new CheckpointException(file, key + ": " + detail);
  }
}
