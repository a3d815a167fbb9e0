package dev.eeve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.CompanionFiles;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.NormalFloatFolder;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.checkpoint.TensorConverter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.NormalFloat;
import dev.eeve.model.LoadListener;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Writes a model folder as transformers saves one loaded with {@code load_in_4bit}, NF4 with double
 * quantization: the linear weights of the body, as bitsandbytes lays them out; embeddings, head,
 * biases and norms keep their bytes. Strips of rows pass through, twice: the scales first, since
 * their mean comes before them.
 */
public final class NormalFloatExport {
  /** Elements of a strip, whole blocks. */
  private static final int STRIP = 1 << 20;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ModelFolder files;
  private final SequencedMap<String, ResolvedTensor> tensors;
  private final Map<String, NormalFloat.Scales> scales = new LinkedHashMap<>();
  private final LoadListener listener;
  private final long total;
  private long done;

  private NormalFloatExport(
      ModelFolder files, SequencedMap<String, ResolvedTensor> tensors, LoadListener listener) {
    this.files = files;
    this.tensors = tensors;
    this.listener = listener;
    this.total =
        tensors.values().stream().mapToLong(t -> (isLinear(t) ? 2 : 1) * t.byteSize()).sum();
  }

  /**
   * Writes the folder.
   *
   * @param model an unquantized Hugging Face model folder
   * @param output another folder; made if it is not there
   * @param listener hears how far it has come, in bytes read
   * @throws IOException names the file and the tensor that is wrong
   * @throws IllegalArgumentException for a GGUF file, or an output that is the model
   */
  public static void write(Path model, Path output, LoadListener listener) throws IOException {
    if (Files.isRegularFile(model)) {
      throw new IllegalArgumentException("model: " + model + " is a file, needed a model folder");
    }
    if (Files.exists(output) && Files.exists(model) && Files.isSameFile(model, output)) {
      throw new IllegalArgumentException("output: " + output + " is the model; choose another");
    }
    Path settings = model.resolve("config.json");
    PhiConfig config = PhiConfig.read(settings);
    Map<String, byte[]> companions = new LinkedHashMap<>();
    companions.put("config.json", withQuantization(settings));
    companions.putAll(CompanionFiles.read(model));
    try (ModelFolder files = ModelFolder.open(model)) {
      SequencedMap<String, ResolvedTensor> tensors =
          PhiTensorNames.resolve(files, config.dimensions());
      new NormalFloatExport(files, tensors, listener).write(output, companions);
    }
  }

  private static byte[] withQuantization(Path settings) throws IOException {
    ObjectNode root = (ObjectNode) StrictJson.read(settings, 16 << 20);
    ObjectNode own = root.putObject("quantization_config");
    own.put("_load_in_4bit", true).put("_load_in_8bit", false);
    own.put("bnb_4bit_compute_dtype", "bfloat16").put("bnb_4bit_quant_storage", "uint8");
    own.put("bnb_4bit_quant_type", "nf4").put("bnb_4bit_use_double_quant", true);
    own.put("llm_int8_enable_fp32_cpu_offload", false).put("llm_int8_has_fp16_weight", false);
    own.putNull("llm_int8_skip_modules").put("llm_int8_threshold", 6.0);
    own.put("load_in_4bit", true).put("load_in_8bit", false).put("quant_method", "bitsandbytes");
    return StrictJson.MAPPER.writer(StrictJson.INDENTED).writeValueAsBytes(root);
  }

  private static boolean isLinear(ResolvedTensor tensor) {
    String part = MemoryPlan.part(tensor.name());
    return tensor.name().endsWith(".weight") && (part.equals("self_attn") || part.equals("mlp"));
  }

  private void write(Path output, Map<String, byte[]> companions) throws IOException {
    Map<String, byte[]> small = new LinkedHashMap<>();
    List<TensorSpec> specs = new ArrayList<>();
    for (ResolvedTensor tensor : tensors.values()) {
      if (isLinear(tensor)) {
        NormalFloat.Scales own = NormalFloat.quantizeScales(absmax(tensor));
        scales.put(tensor.name(), own);
        long values = tensor.elements();
        specs.add(new TensorSpec(tensor.name(), DType.U8, List.of((values + 1) / 2, 1L)));
        addSmall(specs, small, tensor, own);
      } else {
        specs.add(new TensorSpec(tensor.name(), tensor.source().dtype(), tensor.shape()));
      }
    }
    try (ModelFolderWriter writer =
        ModelFolderWriter.create(output, specs, ModelFolderWriter.MAX_SHARD_BYTES)) {
      for (Map.Entry<String, byte[]> file : companions.entrySet()) {
        writer.addFile(file.getKey(), file.getValue());
      }
      for (TensorSpec spec : writer.order()) {
        if (small.containsKey(spec.name())) {
          writer.write(spec.name(), MemorySegment.ofArray(small.get(spec.name())));
        } else if (scales.containsKey(spec.name())) {
          quantize(writer, tensors.get(spec.name()));
        } else {
          copy(writer, tensors.get(spec.name()));
        }
      }
      writer.finish();
    }
  }

  private static void addSmall(
      List<TensorSpec> specs,
      Map<String, byte[]> small,
      ResolvedTensor tensor,
      NormalFloat.Scales own) {
    Map<String, byte[]> parts = new LinkedHashMap<>();
    parts.put(".absmax", own.quantized());
    parts.put(NormalFloatFolder.STATE, state(tensor, own.offset()));
    parts.put(".quant_map", bytes(NormalFloat.code()));
    parts.put(".nested_absmax", bytes(own.absmax()));
    parts.put(".nested_quant_map", bytes(NormalFloat.dynamicMap()));
    parts.forEach(
        (end, content) -> {
          boolean floats = end.endsWith("quant_map") || end.equals(".nested_absmax");
          long elements = floats ? content.length / 4 : content.length;
          DType type = floats ? DType.F32 : DType.U8;
          specs.add(new TensorSpec(tensor.name() + end, type, List.of(elements)));
          small.put(tensor.name() + end, content);
        });
  }

  /** As Python's {@code json.dumps} writes it. */
  private static byte[] state(ResolvedTensor tensor, float offset) {
    String type =
        switch (tensor.source().dtype()) {
          case F32 -> "float32";
          case F16 -> "float16";
          default -> "bfloat16";
        };
    return String.format(
            Locale.ROOT,
            "{\"quant_type\": \"nf4\", \"blocksize\": %d, \"dtype\": \"%s\", \"shape\": [%d, %d],"
                + " \"nested_blocksize\": %d, \"nested_dtype\": \"float32\", \"nested_offset\":"
                + " %s}",
            NormalFloat.BLOCK,
            type,
            tensor.rows(),
            tensor.source().columns(),
            NormalFloat.NESTED_BLOCK,
            (double) offset)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] bytes(float[] values) {
    byte[] bytes = new byte[4 * values.length];
    MemorySegment.copy(values, 0, MemorySegment.ofArray(bytes), FLOAT, 0, values.length);
    return bytes;
  }

  private interface Strips {
    void next(float[] values, int count, long first) throws IOException;
  }

  /** All values of a tensor in order, whole blocks at a time. */
  private void forEach(ResolvedTensor tensor, Strips strips) throws IOException {
    DType type = tensor.source().dtype();
    float[] values = new float[(int) Math.min(STRIP, tensor.elements())];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = arena.allocate((long) values.length * type.bytes());
      MemorySegment wide = arena.allocate(4L * values.length);
      for (long first = 0; first < tensor.elements(); first += values.length) {
        int count = (int) Math.min(values.length, tensor.elements() - first);
        MemorySegment part = in.asSlice(0, (long) count * type.bytes());
        files.read(tensor.source(), tensor.byteOffset() + first * type.bytes(), part);
        new TensorConverter(type, DType.F32, count, false).convert(1, part, wide);
        MemorySegment.copy(wide, FLOAT, 0, values, 0, count);
        strips.next(values, count, first);
        done += part.byteSize();
        listener.loaded(done, total);
      }
    }
  }

  private float[] absmax(ResolvedTensor tensor) throws IOException {
    long blocks = (tensor.elements() + NormalFloat.BLOCK - 1) / NormalFloat.BLOCK;
    float[] absmax = new float[Math.toIntExact(blocks)];
    forEach(
        tensor,
        (values, count, first) -> {
          for (int i = 0; i < count; i++) {
            if (!Float.isFinite(values[i])) {
              throw notFinite(tensor, first + i);
            }
            int block = (int) ((first + i) / NormalFloat.BLOCK);
            absmax[block] = Math.max(absmax[block], Math.abs(values[i]));
          }
        });
    return absmax;
  }

  private static CheckpointException notFinite(ResolvedTensor tensor, long element) {
    long row = tensor.firstRow() + element / tensor.source().columns();
    return new CheckpointException(
        tensor.source().file(),
        tensor.source().name(),
        "row " + row + ": NaN or infinite, needed finite numbers; download it again");
  }

  private void quantize(ModelFolderWriter writer, ResolvedTensor tensor) throws IOException {
    byte[] packed = new byte[STRIP / 2];
    float[] absmax = new float[STRIP / NormalFloat.BLOCK];
    forEach(
        tensor,
        (values, count, first) -> {
          NormalFloat.quantize(MemorySegment.ofArray(packed), 0, absmax, 0, values, 0, count);
          writer.write(tensor.name(), MemorySegment.ofArray(packed).asSlice(0, (count + 1) / 2));
        });
  }

  private void copy(ModelFolderWriter writer, ResolvedTensor tensor) throws IOException {
    long strip = 4L << 20;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(Math.min(strip, tensor.byteSize()));
      for (long at = 0; at < tensor.byteSize(); at += strip) {
        MemorySegment part = bytes.asSlice(0, Math.min(strip, tensor.byteSize() - at));
        files.read(tensor.source(), tensor.byteOffset() + at, part);
        writer.write(tensor.name(), part);
        done += part.byteSize();
        listener.loaded(done, total);
      }
    }
  }
}
