package dev.eeve.checkpoint;

import dev.eeve.internal.AtomicFile;
import java.io.IOException;
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
  private final Path path;
  private final AtomicFile file;
  private final List<TensorSpec> order;
  private int current;
  private long written;
  private boolean finished;

  private SafetensorsWriter(Path path, AtomicFile file, List<TensorSpec> order) {
    this.path = path;
    this.file = file;
    this.order = order;
    skipFull();
  }

  /**
   * Starts a file and writes its header.
   *
   * @param path its place; the folder must exist
   * @param tensors all it will hold, in any order
   * @param metadata free text; transformers wants {@code format} to be {@code pt}
   * @return to be written to in {@link #order()}, finished and closed
   * @throws IllegalArgumentException where two tensors have one name or the header is too long
   * @throws CheckpointException where the file cannot be written there
   */
  public static SafetensorsWriter create(
      Path path, List<TensorSpec> tensors, Map<String, String> metadata)
      throws CheckpointException {
    List<TensorSpec> order = inFileOrder(tensors);
    byte[] header = header(order, metadata);
    try {
      AtomicFile file = AtomicFile.create(path);
      try {
        ByteBuffer start = ByteBuffer.allocate(Long.BYTES + header.length);
        start.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).flip();
        file.write(start);
      } catch (IOException e) {
        file.close();
        throw e;
      }
      return new SafetensorsWriter(path, file, order);
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  /** Largest alignment first, then by name: the order of the reference library. */
  static List<TensorSpec> inFileOrder(List<TensorSpec> tensors) {
    Set<String> names = new HashSet<>();
    for (TensorSpec tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException(
            "tensors: " + CheckpointException.quote(tensor.name()) + " twice, needed once");
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
    return order;
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
    if (finished) {
      throw new IllegalStateException(path + ": written to after finish()");
    }
    String next = current < order.size() ? order.get(current).name() : "the end";
    if (!next.equals(name) && bytes.byteSize() > 0) {
      throw new IllegalArgumentException(
          "name: " + CheckpointException.quote(name) + ", it is the turn of " + next);
    }
    if (bytes.byteSize() == 0) {
      return;
    }
    long room = order.get(current).byteSize() - written;
    if (bytes.byteSize() > room) {
      throw new IllegalArgumentException(
          "bytes: " + bytes.byteSize() + ", tensor " + name + " has room for " + room);
    }
    try {
      file.write(bytes);
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
    written += bytes.byteSize();
    skipFull();
  }

  private void skipFull() {
    while (current < order.size() && written == order.get(current).byteSize()) {
      current++;
      written = 0;
    }
  }

  boolean isComplete() {
    return current == order.size();
  }

  /** Ends writing without showing the file yet. */
  AtomicFile stage() throws CheckpointException {
    if (!isComplete()) {
      TensorSpec tensor = order.get(current);
      throw new IllegalStateException(
          path
              + ": finished with "
              + written
              + " of "
              + tensor.byteSize()
              + " bytes of tensor "
              + CheckpointException.quote(tensor.name()));
    }
    finished = true;
    try {
      file.stage();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
    return file;
  }

  /**
   * Forces the file to disk and puts it in its place, over what was there.
   *
   * @throws IllegalStateException where bytes are missing
   * @throws CheckpointException where the system fails to
   */
  public void finish() throws CheckpointException {
    try {
      stage().commit();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  /**
   * Ends; a file that was not finished leaves no trace.
   *
   * @throws CheckpointException where the system fails to delete it
   */
  @Override
  public void close() throws CheckpointException {
    try {
      file.close();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }
}
