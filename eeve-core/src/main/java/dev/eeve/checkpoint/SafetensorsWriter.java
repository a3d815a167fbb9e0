package dev.eeve.checkpoint;

import dev.eeve.internal.AtomicFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes a safetensors file, tensor after tensor in strips. The bytes are those the reference
 * library writes for the same tensors and metadata. The file appears, whole, in {@link #finish()};
 * until then what was in its place stays. Used by one thread.
 *
 * {@snippet :
 * try (SafetensorsWriter writer = SafetensorsWriter.create(file, tensors, Map.of("format", "pt"))) {
 *   for (TensorSpec tensor : writer.order()) {
 *     writer.write(tensor.name(), bytesOf(tensor));
 *   }
 *   writer.finish();
 * }
 * }
 */
public final class SafetensorsWriter implements AutoCloseable {
  private final TensorStream stream;

  private SafetensorsWriter(TensorStream stream) {
    this.stream = stream;
  }

  /**
   * Starts a file and writes its header.
   *
   * @param path its place; the folder must exist
   * @param tensors all it will hold, in any order
   * @param metadata free text; transformers wants {@code format} to be {@code pt}
   * @return to be written to in {@link #order()}, finished and closed
   * @throws IllegalArgumentException where two tensors have one name, one has a type of GGUF alone,
   *     or the header is too long
   * @throws CheckpointException where the file cannot be written there
   */
  public static SafetensorsWriter create(
      Path path, List<TensorSpec> tensors, Map<String, String> metadata)
      throws CheckpointException {
    List<TensorSpec> order = inFileOrder(tensors);
    byte[] json = header(order, metadata);
    ByteBuffer header = ByteBuffer.allocate(Long.BYTES + json.length);
    header.order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json).flip();
    return new SafetensorsWriter(TensorStream.create(path, header, order, 1));
  }

  /**
   * The order in which tensors stand in a file: the reference library's, largest alignment first,
   * then by name.
   *
   * @param tensors in any order
   * @return unmodifiable
   * @throws IllegalArgumentException where two have one name, or one has a type of GGUF alone
   */
  public static List<TensorSpec> inFileOrder(List<TensorSpec> tensors) {
    Set<String> names = new HashSet<>();
    for (TensorSpec tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException(
            "tensors: " + CheckpointException.quote(tensor.name()) + " twice, needed once");
      }
      if (tensor.dtype().blocks().isPresent()) {
        throw new IllegalArgumentException(
            "tensors: "
                + CheckpointException.quote(tensor.name())
                + " is "
                + tensor.dtype()
                + ", which only GGUF holds");
      }
    }
    List<TensorSpec> order = new ArrayList<>(tensors);
    order.sort(
        Comparator.comparing(TensorSpec::dtype)
            .reversed()
            .thenComparing(TensorSpec::name, JsonStrings.CODE_POINTS));
    return List.copyOf(order);
  }

  private static byte[] header(List<TensorSpec> order, Map<String, String> metadata) {
    List<String> entries = new ArrayList<>();
    if (!metadata.isEmpty()) {
      List<String> pairs = new ArrayList<>();
      Map<String, String> sorted = new TreeMap<>(JsonStrings.CODE_POINTS);
      sorted.putAll(metadata);
      sorted.forEach(
          (key, value) -> pairs.add(JsonStrings.quote(key) + ":" + JsonStrings.quote(value)));
      entries.add("\"" + SafetensorsHeader.METADATA + "\":{" + String.join(",", pairs) + "}");
    }
    long begin = 0;
    for (TensorSpec tensor : order) {
      long end = Math.addExact(begin, tensor.byteSize());
      entries.add(
          String.format(
              Locale.ROOT,
              "%s:{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
              JsonStrings.quote(tensor.name()),
              tensor.dtype(),
              tensor.shape().toString().replace(" ", ""),
              begin,
              end));
      begin = end;
    }
    byte[] json = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
    byte[] padded = Arrays.copyOf(json, (json.length + 7) & -8);
    Arrays.fill(padded, json.length, padded.length, (byte) ' ');
    if (padded.length > Safetensors.MAX_HEADER_BYTES) {
      throw new IllegalArgumentException(
          "tensors: the header takes "
              + padded.length
              + " bytes, needed at most "
              + Safetensors.MAX_HEADER_BYTES);
    }
    return padded;
  }

  /**
   * The tensors in the order in which their bytes must be written.
   *
   * @return unmodifiable
   */
  public List<TensorSpec> order() {
    return stream.order();
  }

  /**
   * Appends the next strip of the tensor at hand. A tensor without elements needs no call.
   *
   * @param name its name; the next of {@link #order()} once the one before is complete
   * @param bytes little-endian elements; off-heap memory or a view of a {@code byte[]}
   * @throws IllegalArgumentException out of order, or more than the tensor takes
   * @throws IllegalStateException after {@link #finish()}
   * @throws CheckpointException as when the disk is full; the writer can then only be closed
   */
  public void write(String name, MemorySegment bytes) throws CheckpointException {
    stream.write(name, bytes);
  }

  boolean isComplete() {
    return stream.isComplete();
  }

  /** Ends writing without showing the file yet. */
  AtomicFile stage() throws CheckpointException {
    return stream.stage();
  }

  /**
   * Forces the file to disk and puts it in its place, over what was there.
   *
   * @throws IllegalStateException where bytes are missing
   * @throws CheckpointException where the system fails to
   */
  public void finish() throws CheckpointException {
    stream.finish();
  }

  /**
   * Ends; a file that was not finished leaves no trace.
   *
   * @throws CheckpointException where the system fails to delete it
   */
  @Override
  public void close() throws CheckpointException {
    stream.close();
  }
}
