package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.MachineLimits;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The size of a benchmark, named after the model: {@code phi2.fc1.T128} is phi-2's fc1 for a block
 * of 128 tokens, {@code phi2.attention.P512.T1} its attention for one token at position 512.
 *
 * @param name as given
 * @param width sizes of the model
 * @param part of the model
 * @param position of the first token; 0 where the name has none
 * @param tokens T; 1 where the name has none
 */
record Shape(String name, Width width, String part, int position, int tokens) {
  private static final Pattern NAME =
      Pattern.compile("(\\w+)\\.(\\w+)(?:\\.P(\\d{1,4}))?(?:\\.T(\\d{1,4}))?");

  /**
   * A weight matrix.
   *
   * @param rows N
   * @param columns K
   */
  record Matrix(int rows, int columns) {
    long elements() {
      return (long) rows * columns;
    }

    /** As weights of {@code type} are kept. */
    long bytes(ElementType type) {
      return rows * type.forColumns(columns).byteSize(columns);
    }
  }

  static Shape of(String name) {
    Matcher matcher = NAME.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("shape: " + name + ", needed a name as phi2.fc1.T128");
    }
    int tokens = matcher.group(4) == null ? 1 : Integer.parseInt(matcher.group(4));
    if (tokens == 0) {
      throw new IllegalArgumentException("shape: " + name + ", needed at least T1");
    }
    return new Shape(
        name,
        Width.of(matcher.group(1)),
        matcher.group(2),
        matcher.group(3) == null ? 0 : Integer.parseInt(matcher.group(3)),
        tokens);
  }

  /** The weight matrices of this part; several read the same input in one call. */
  List<Matrix> matrices() {
    Matrix square = new Matrix(width.hidden(), width.hidden());
    return switch (part) {
      case "qkv" -> List.of(square, square, square);
      case "dense" -> List.of(square);
      case "fc1" -> List.of(new Matrix(width.intermediate(), width.hidden()));
      case "fc2" -> List.of(new Matrix(width.hidden(), width.intermediate()));
      case "head", "embedding" -> List.of(new Matrix(width.vocabulary(), width.hidden()));
      default ->
          throw new IllegalArgumentException(
              "shape: " + name + ", needed qkv, dense, fc1, fc2, head or embedding");
    };
  }

  /**
   * How many copies of {@code bytes} of weights or cache a benchmark goes round, so that each call
   * reads from memory and not from a cache, as it does inside the whole model.
   */
  int copies(long bytes) {
    return width.isTiny() ? 2 : (int) Math.ceilDiv(MachineLimits.READ_BYTES, bytes);
  }
}
