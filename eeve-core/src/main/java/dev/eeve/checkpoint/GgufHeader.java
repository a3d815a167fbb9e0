package dev.eeve.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * The header of a GGUF file of version 2 or 3. Read value by value: a hostile header costs no more
 * memory than what it holds.
 *
 * @param metadata the keys
 * @param tensors in the order of their data
 * @param dataStart the first byte of the data section
 * @param version of the format
 */
record GgufHeader(
    GgufMetadata metadata, SequencedMap<String, TensorInfo> tensors, long dataStart, int version) {
  /** "GGUF". */
  static final int MAGIC = 0x46554747;

  static final int VERSION = 3;
  static final String ALIGNMENT = "general.alignment";
  static final int DEFAULT_ALIGNMENT = 32;

  /** A page of the largest machines; honest files have 32. */
  private static final int MAX_ALIGNMENT = 1 << 16;

  /** Phi-2 files have thirty. */
  private static final int MAX_KEYS = 1 << 16;

  /** A thousand layers have 14,000. */
  private static final int MAX_TENSORS = 1 << 16;

  /** The format's own limit. */
  private static final int MAX_KEY_BYTES = (1 << 16) - 1;

  /** The format's own limit is 64; it is not ours to be strict about. */
  private static final int MAX_NAME_BYTES = 1 << 10;

  /** Licences and chat templates come as one string. */
  private static final int MAX_STRING_BYTES = 16 << 20;

  /** Ids and merges are fewer. */
  private static final int MAX_ARRAY = 1 << 24;

  private static final int MAX_DIMENSIONS = 4;

  static GgufHeader read(Path file, FileChannel channel) throws IOException {
    return new Reader(new GgufCursor(file, channel)).header();
  }

  /** Rounds up to a multiple; throws ArithmeticException beyond a long. */
  static long align(long offset, long alignment) {
    return Math.addExact(offset, Math.floorMod(-offset, alignment));
  }

  private record Reader(GgufCursor in) {
    GgufHeader header() throws IOException {
      int version = version();
      long tensorCount = in.count("the number of tensors", MAX_TENSORS, 24);
      long keyCount = in.count("the number of keys", MAX_KEYS, 12);
      LinkedHashMap<String, GgufValue> values = new LinkedHashMap<>();
      for (long i = 0; i < keyCount; i++) {
        String key = in.string("the name of key " + i, MAX_KEY_BYTES);
        String what = "key " + CheckpointException.quote(key);
        if (values.put(key, value(what)) != null) {
          throw failure(what + ": there twice, needed once");
        }
      }
      GgufMetadata metadata = new GgufMetadata(in.file(), values);
      long alignment = alignment(metadata);
      List<TensorInfo> tensors = new ArrayList<>();
      for (long i = 0; i < tensorCount; i++) {
        tensors.add(tensor(i));
      }
      long dataStart = align(in.position(), alignment);
      long dataBytes = in.position() + in.remaining() - dataStart;
      return new GgufHeader(metadata, inOrder(tensors, dataBytes, alignment), dataStart, version);
    }

    private int version() throws IOException {
      if (in.remaining() < Integer.BYTES || in.int32("the format's name") != MAGIC) {
        throw failure("does not begin with \"GGUF\"; needed a GGUF file or a model folder");
      }
      int version = in.int32("the version");
      if (version != VERSION && version != 2) {
        boolean swapped = Integer.reverseBytes(version) == VERSION;
        throw failure(
            swapped
                ? "big-endian, needed little-endian; convert it for this machine"
                : "version "
                    + Integer.toUnsignedString(version)
                    + " of GGUF, needed 2 or 3; convert the model again");
      }
      return version;
    }

    private static long alignment(GgufMetadata metadata) throws CheckpointException {
      int alignment = metadata.integer(ALIGNMENT).orElse(DEFAULT_ALIGNMENT);
      if (Integer.bitCount(alignment) != 1 || alignment > MAX_ALIGNMENT) {
        throw metadata.failure(
            ALIGNMENT, alignment + " found, needed a power of two up to " + MAX_ALIGNMENT);
      }
      return alignment;
    }

    private GgufType type(String what) throws IOException {
      int number = in.int32(what);
      if (number < 0 || number >= GgufType.values().length) {
        throw failure(
            what
                + ": type "
                + Integer.toUnsignedString(number)
                + ", needed 0 to "
                + (GgufType.values().length - 1));
      }
      return GgufType.values()[number];
    }

    private GgufValue value(String what) throws IOException {
      GgufType type = type(what);
      if (type != GgufType.ARRAY) {
        return switch (scalar(type, what)) {
          case Long whole -> new GgufValue.Whole(type, whole);
          case Double real -> new GgufValue.Real(type, real);
          case Boolean flag -> new GgufValue.Flag(flag);
          case Object text -> new GgufValue.Text((String) text);
        };
      }
      GgufType elements = type(what);
      if (elements == GgufType.ARRAY) {
        throw failure(what + ": an array of arrays, needed an array of single values");
      }
      int count = (int) in.count(what, MAX_ARRAY, elements.bytes());
      List<Object> values = new ArrayList<>(count);
      for (int i = 0; i < count; i++) {
        values.add(scalar(elements, what));
      }
      return new GgufValue.Array(elements, values);
    }

    /** A Long, Double, Boolean or String. */
    private Object scalar(GgufType type, String what) throws IOException {
      return switch (type) {
        case UINT8 -> (long) Byte.toUnsignedInt(in.int8(what));
        case INT8 -> (long) in.int8(what);
        case UINT16 -> (long) Short.toUnsignedInt(in.int16(what));
        case INT16 -> (long) in.int16(what);
        case UINT32 -> Integer.toUnsignedLong(in.int32(what));
        case INT32 -> (long) in.int32(what);
        case UINT64, INT64 -> in.int64(what);
        case FLOAT32 -> (double) Float.intBitsToFloat(in.int32(what));
        case FLOAT64 -> Double.longBitsToDouble(in.int64(what));
        case BOOL -> bool(what);
        case STRING -> in.string(what, MAX_STRING_BYTES);
        case ARRAY -> throw new IllegalArgumentException("type: an array is no single value");
      };
    }

    private boolean bool(String what) throws IOException {
      byte value = in.int8(what);
      if (value != 0 && value != 1) {
        throw failure(what + ": " + value + " as true or false, needed 0 or 1");
      }
      return value == 1;
    }

    private TensorInfo tensor(long number) throws IOException {
      String name = in.string("the name of tensor " + number, MAX_NAME_BYTES);
      String what = "tensor " + CheckpointException.quote(name);
      int dimensions = in.int32(what);
      if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
        throw new CheckpointException(
            in.file(),
            name,
            Integer.toUnsignedString(dimensions) + " dimensions, needed 1 to " + MAX_DIMENSIONS);
      }
      List<Long> shape = new ArrayList<>();
      for (int i = 0; i < dimensions; i++) {
        shape.addFirst(in.int64(what)); // innermost first in the file
      }
      int typeNumber = in.int32(what);
      DType type =
          GgufTensorTypes.of(typeNumber)
              .orElseThrow(
                  () ->
                      new CheckpointException(
                          in.file(),
                          name,
                          "type "
                              + GgufTensorTypes.describe(typeNumber)
                              + ", needed F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K or Q6_K; quantize"
                              + " the model again"));
      return checked(name, type, shape, in.int64(what));
    }

    private TensorInfo checked(String name, DType type, List<Long> shape, long begin)
        throws CheckpointException {
      if (begin < 0) {
        throw new CheckpointException(
            in.file(), name, "begins at byte " + Long.toUnsignedString(begin) + " of the data");
      }
      try {
        long end = Math.addExact(begin, TensorSpec.byteSize(type, shape));
        return new TensorInfo(in.file(), name, type, shape, begin, end);
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw new CheckpointException(in.file(), name, e.getMessage());
      }
    }

    /** As llama.cpp wants it: tensors follow each other, each at the next multiple. */
    private SequencedMap<String, TensorInfo> inOrder(
        List<TensorInfo> tensors, long dataBytes, long alignment) throws CheckpointException {
      return TensorOrder.of(
          in.file(),
          tensors,
          dataBytes,
          at -> align(at, alignment),
          (tensor, at, previous) ->
              "begins at byte %d of the data, needed %d, the multiple of %d after tensor %s"
                  .formatted(tensor.begin(), align(at, alignment), alignment, previous));
    }

    private CheckpointException failure(String detail) {
      return new CheckpointException(in.file(), detail);
    }
  }
}
