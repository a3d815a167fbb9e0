package dev.eeve.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.NormalFloat;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * A model folder whose linear weights are NF4 as bitsandbytes saves them, with its scales quantized
 * or not, seen as the plain weights they stand for: {@code code · scale} in fp32, rounded to the
 * type they had before.
 */
public final class NormalFloatFolder implements Checkpoint {
  /** The end of the name of what says how a weight was quantized. */
  public static final String STATE = ".quant_state.bitsandbytes__nf4";

  private static final int MAX_STATE_BYTES = 1 << 16;
  private static final int STRIP = 1 << 16;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ModelFolder folder;
  private final SequencedMap<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, Quantized> quantized = new LinkedHashMap<>();

  /** One weight's parts; without {@code nested} the scales are fp32. */
  private record Quantized(
      TensorInfo packed, TensorInfo absmax, float[] code, int block, Nested nested) {}

  private record Nested(float[] map, float[] absmax, int block, float offset) {}

  private NormalFloatFolder(ModelFolder folder) {
    this.folder = folder;
  }

  /**
   * Whether a model folder holds NF4.
   *
   * @param folder a model folder
   * @return false for plain weights
   * @throws CheckpointException where it cannot be opened
   */
  public static boolean isIn(Path folder) throws CheckpointException {
    try (ModelFolder files = ModelFolder.open(folder)) {
      return files.tensors().keySet().stream().anyMatch(name -> name.endsWith(STATE));
    }
  }

  /** The folder as it is, or seen through this where it holds NF4. Owns it. */
  static Checkpoint of(ModelFolder folder) throws CheckpointException {
    List<String> weights = new ArrayList<>();
    for (String name : folder.tensors().keySet()) {
      if (name.endsWith(STATE)) {
        weights.add(name.substring(0, name.length() - STATE.length()));
      }
    }
    if (weights.isEmpty()) {
      return folder;
    }
    boolean done = false;
    try {
      NormalFloatFolder seen = new NormalFloatFolder(folder);
      seen.tensors.putAll(folder.tensors());
      for (String weight : weights) {
        seen.add(weight);
      }
      done = true;
      return seen;
    } finally {
      if (!done) {
        folder.close();
      }
    }
  }

  private void add(String name) throws CheckpointException {
    TensorInfo info = tensors.get(name + STATE);
    JsonNode state = state(info);
    DType type = type(info, state.path("dtype").asText(""));
    List<Long> shape = shape(info, state.path("shape"));
    int block = block(info, state, "blocksize");
    long values = Math.multiplyExact(shape.get(0), shape.get(1));
    long blocks = (values + block - 1) / block;
    TensorInfo packed = part(name, DType.U8, (values + 1) / 2);
    boolean nests = tensors.containsKey(name + ".nested_absmax");
    TensorInfo absmax = part(name + ".absmax", nests ? DType.U8 : DType.F32, blocks);
    float[] code = floats(part(name + ".quant_map", DType.F32, 16));
    Nested nested = null;
    if (nests) {
      int outer = block(info, state, "nested_blocksize");
      if (!state.path("nested_offset").isNumber()) {
        throw info.failure("nested_offset: missing, needed a number; save the model again");
      }
      nested =
          new Nested(
              floats(part(name + ".nested_quant_map", DType.F32, 256)),
              floats(part(name + ".nested_absmax", DType.F32, (blocks + outer - 1) / outer)),
              outer,
              (float) state.path("nested_offset").doubleValue());
    }
    for (String end :
        List.of(STATE, ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map")) {
      tensors.remove(name + end);
    }
    long bytes = Math.multiplyExact(values, (long) type.bytes());
    tensors.put(name, new TensorInfo(packed.file(), name, type, shape, 0, bytes));
    quantized.put(name, new Quantized(packed, absmax, code, block, nested));
  }

  private JsonNode state(TensorInfo info) throws CheckpointException {
    if (info.dtype() != DType.U8 || info.byteSize() > MAX_STATE_BYTES) {
      throw info.failure(info.describe() + ", needed a short text as U8");
    }
    byte[] text = new byte[(int) info.byteSize()];
    folder.read(info, 0, MemorySegment.ofArray(text));
    JsonNode state;
    try {
      state = StrictJson.parse("its text", text);
    } catch (IOException e) {
      throw info.failure(e.getMessage());
    }
    if (!state.path("quant_type").asText("").equals("nf4")) {
      throw info.failure("quant_type: " + state.path("quant_type") + ", needed nf4");
    }
    return state;
  }

  private static DType type(TensorInfo info, String name) throws CheckpointException {
    return switch (name) {
      case "float32" -> DType.F32;
      case "float16" -> DType.F16;
      case "bfloat16" -> DType.BF16;
      default ->
          throw info.failure(
              "dtype: "
                  + CheckpointException.quote(name)
                  + ", needed float32, float16 or bfloat16");
    };
  }

  private static List<Long> shape(TensorInfo info, JsonNode shape) throws CheckpointException {
    List<Long> sizes = new ArrayList<>();
    for (JsonNode size : shape) {
      if (!size.isInt() || size.intValue() < 1) {
        throw info.failure("shape: needed two sizes above 0");
      }
      sizes.add(size.longValue());
    }
    if (sizes.size() != 2) {
      throw info.failure("shape: " + sizes.size() + " sizes, needed two");
    }
    return sizes;
  }

  private static int block(TensorInfo info, JsonNode state, String key) throws CheckpointException {
    JsonNode block = state.path(key);
    if (!block.isInt() || Integer.bitCount(block.intValue()) != 1 || block.intValue() < 32) {
      throw info.failure(key + ": needed a power of two from 32 on");
    }
    return block.intValue();
  }

  private TensorInfo part(String name, DType type, long elements) throws CheckpointException {
    TensorInfo part = folder.tensors().get(name);
    if (part == null) {
      throw new CheckpointException(
          folder.path(), name, "missing beside its quant_state; download the weights again");
    }
    if (part.dtype() != type || part.byteSize() != elements * type.bytes()) {
      throw part.failure(
          "%s, needed %d elements of %s by its quant_state"
              .formatted(part.describe(), elements, type));
    }
    return part;
  }

  private float[] floats(TensorInfo info) throws CheckpointException {
    float[] values = new float[Math.toIntExact(info.byteSize() / 4)];
    read(info, 0, values);
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw info.failure("NaN or infinite, needed finite numbers; download it again");
      }
    }
    return values;
  }

  private void read(TensorInfo info, long first, float[] out) throws CheckpointException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(4L * out.length);
      folder.read(info, 4 * first, bytes);
      MemorySegment.copy(bytes, FLOAT, 0, out, 0, out.length);
    }
  }

  @Override
  public Path path() {
    return folder.path();
  }

  @Override
  public SequencedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSequencedMap(tensors);
  }

  @Override
  public void read(TensorInfo tensor, long byteOffset, MemorySegment out)
      throws CheckpointException {
    Quantized weight = quantized.get(tensor.name());
    if (weight == null || !tensor.equals(tensors.get(tensor.name()))) {
      folder.read(tensor, byteOffset, out);
      return;
    }
    int size = tensor.dtype().bytes();
    if (byteOffset % size != 0
        || out.byteSize() % size != 0
        || byteOffset < 0
        || byteOffset > tensor.byteSize() - out.byteSize()) {
      throw new IllegalArgumentException(
          "byteOffset: %d and %d bytes, tensor %s has %d in elements of %d"
              .formatted(byteOffset, out.byteSize(), tensor.name(), tensor.byteSize(), size));
    }
    long count = out.byteSize() / size;
    for (long done = 0; done < count; done += STRIP) {
      int strip = (int) Math.min(STRIP, count - done);
      float[] values = dequantize(weight, byteOffset / size + done, strip);
      put(values, tensor.dtype(), out.asSlice(done * size, (long) strip * size));
    }
  }

  private float[] dequantize(Quantized weight, long first, int count) throws CheckpointException {
    long block = first / weight.block;
    long start = block * weight.block;
    int blocks = (int) ((first + count - 1) / weight.block - block) + 1;
    float[] scales = scales(weight, block, blocks);
    float[] values = new float[count];
    long from = start / 2;
    long to = Math.min(weight.packed.byteSize(), (first + count + 1) / 2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment packed = arena.allocate(to - from);
      folder.read(weight.packed, from, packed);
      NormalFloat.dequantize(
          values, 0, count, packed, first - start, weight.code, scales, weight.block);
    }
    return values;
  }

  private float[] scales(Quantized weight, long first, int count) throws CheckpointException {
    if (weight.nested == null) {
      float[] scales = new float[count];
      read(weight.absmax, first, scales);
      return scales;
    }
    Nested nested = weight.nested;
    byte[] bytes = new byte[count];
    folder.read(weight.absmax, first, MemorySegment.ofArray(bytes));
    float[] scales = new float[count];
    for (int i = 0; i < count; i++) {
      float outer = nested.absmax[(int) ((first + i) / nested.block)];
      scales[i] = nested.map[bytes[i] & 0xFF] * outer + nested.offset;
    }
    return scales;
  }

  private static void put(float[] values, DType type, MemorySegment out) {
    switch (type) {
      case F32 -> MemorySegment.copy(values, 0, out, FLOAT, 0, values.length);
      case F16 -> {
        for (int i = 0; i < values.length; i++) {
          out.set(SHORT, 2L * i, Float.floatToFloat16(values[i]));
        }
      }
      default -> {
        for (int i = 0; i < values.length; i++) {
          out.set(SHORT, 2L * i, Weights.floatToBfloat16(values[i]));
        }
      }
    }
  }

  @Override
  public void close() throws CheckpointException {
    folder.close();
  }
}
