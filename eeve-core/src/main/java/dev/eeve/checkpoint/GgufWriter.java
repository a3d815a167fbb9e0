package dev.eeve.checkpoint;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes a GGUF file of version 3, tensor after tensor in strips. The file appears, whole, in
 * {@link #finish()}; until then what was in its place stays. Used by one thread.
 */
public final class GgufWriter implements AutoCloseable {
  private final TensorStream stream;

  private GgufWriter(TensorStream stream) {
    this.stream = stream;
  }

  /**
   * Starts a file and writes its header.
   *
   * @param path its place; the folder must exist
   * @param metadata the keys in order; {@code general.alignment} places the tensors
   * @param tensors all it will hold, in order
   * @return to be written to in that order, finished and closed
   * @throws IllegalArgumentException where two tensors have one name, one is a scalar or of a type
   *     that is not for writing, or the alignment is no power of two
   * @throws CheckpointException where the file cannot be written there
   */
  public static GgufWriter create(
      Path path, Map<String, GgufValue> metadata, List<TensorSpec> tensors)
      throws CheckpointException {
    int alignment = GgufHeader.DEFAULT_ALIGNMENT;
    if (metadata.get(GgufHeader.ALIGNMENT) instanceof GgufValue.Whole whole) {
      alignment = Math.toIntExact(whole.value());
    }
    if (Integer.bitCount(alignment) != 1) {
      throw new IllegalArgumentException(
          GgufHeader.ALIGNMENT + ": " + alignment + ", needed a power of two");
    }
    Bytes out = new Bytes();
    out.int32(GgufHeader.MAGIC).int32(GgufHeader.VERSION);
    out.int64(tensors.size()).int64(metadata.size());
    for (Map.Entry<String, GgufValue> entry : metadata.entrySet()) {
      out.string(entry.getKey());
      value(out, entry.getValue());
    }
    Set<String> names = new HashSet<>();
    long begin = 0;
    for (TensorSpec tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException(
            "tensors: " + CheckpointException.quote(tensor.name()) + " twice, needed once");
      }
      begin = GgufHeader.align(begin, alignment);
      tensor(out, tensor, begin);
      begin = Math.addExact(begin, tensor.byteSize());
    }
    out.pad(alignment);
    return new GgufWriter(
        TensorStream.create(
            path, ByteBuffer.wrap(out.toByteArray()), List.copyOf(tensors), alignment));
  }

  private static void tensor(Bytes out, TensorSpec tensor, long begin) {
    boolean readOnly = tensor.dtype() != DType.Q8_0 && tensor.dtype() != DType.Q4_0;
    if (GgufTensorTypes.number(tensor.dtype()).isEmpty()
        || tensor.dtype().blocks().isPresent() && readOnly
        || tensor.shape().isEmpty()) {
      throw new IllegalArgumentException(
          "tensors: %s: %s %s, needed a matrix or vector of F32, F16, BF16, Q8_0 or Q4_0"
              .formatted(
                  CheckpointException.quote(tensor.name()),
                  tensor.dtype(),
                  TensorSpec.describe(tensor.shape())));
    }
    out.string(tensor.name()).int32(tensor.shape().size());
    tensor.shape().reversed().forEach(out::int64);
    out.int32(GgufTensorTypes.number(tensor.dtype()).get()).int64(begin);
  }

  private static void value(Bytes out, GgufValue value) {
    out.int32(value.type().ordinal());
    switch (value) {
      case GgufValue.Whole whole -> scalar(out, whole.type(), whole.value());
      case GgufValue.Real real -> scalar(out, real.type(), real.value());
      case GgufValue.Flag flag -> scalar(out, flag.type(), flag.value());
      case GgufValue.Text text -> scalar(out, text.type(), text.value());
      case GgufValue.Array array -> {
        out.int32(array.elements().ordinal()).int64(array.values().size());
        array.values().forEach(element -> scalar(out, array.elements(), element));
      }
    }
  }

  private static void scalar(Bytes out, GgufType type, Object value) {
    switch (type) {
      case UINT8, INT8 -> out.write(((Long) value).intValue());
      case UINT16, INT16 -> out.int16(((Long) value).shortValue());
      case UINT32, INT32 -> out.int32(((Long) value).intValue());
      case UINT64, INT64 -> out.int64((Long) value);
      case FLOAT32 -> out.int32(Float.floatToRawIntBits(((Double) value).floatValue()));
      case FLOAT64 -> out.int64(Double.doubleToRawLongBits((Double) value));
      case BOOL -> out.write((Boolean) value ? 1 : 0);
      case STRING -> out.string((String) value);
      case ARRAY -> throw new IllegalArgumentException("metadata: an array of arrays");
    }
  }

  /** Little-endian. */
  private static final class Bytes extends ByteArrayOutputStream {
    Bytes int16(short value) {
      return number(2, value);
    }

    Bytes int32(int value) {
      return number(4, value);
    }

    Bytes int64(long value) {
      return number(8, value);
    }

    private Bytes number(int bytes, long value) {
      ByteBuffer buffer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value);
      write(buffer.array(), 0, bytes);
      return this;
    }

    Bytes string(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      int64(utf8.length);
      writeBytes(utf8);
      return this;
    }

    void pad(int alignment) {
      writeBytes(new byte[Math.floorMod(-size(), alignment)]);
    }
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
   * Appends the next strip of the tensor at hand.
   *
   * @param name its name; the next of {@link #order()} once the one before is complete
   * @param bytes little-endian elements or whole blocks; off-heap memory or a view of a {@code
   *     byte[]}
   * @throws IllegalArgumentException out of order, or more than the tensor takes
   * @throws IllegalStateException after {@link #finish()}
   * @throws CheckpointException as when the disk is full; the writer can then only be closed
   */
  public void write(String name, MemorySegment bytes) throws CheckpointException {
    stream.write(name, bytes);
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
