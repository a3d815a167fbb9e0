package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.NormalFloat;
import dev.eeve.kernels.Weights;
import dev.eeve.model.LoadListener;
import dev.eeve.model.PhiModel;
import dev.eeve.training.TrainingPlan;
import dev.eeve.training.TrainingRun;
import dev.eeve.training.TrainingStep;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Model folders of NF4 weights, made and read. */
class NormalFloatModelTest {
  @SuppressWarnings("unused") // by name, below
  private static final List<String> MODELS = Golden.MODELS;

  private static final String Q_PROJ = "model.layers.0.self_attn.q_proj.weight";

  @TempDir private Path folder;

  private Path quantized(String model) throws IOException {
    Path output = folder.resolve("nf4");
    NormalFloatExport.write(Golden.folder(model), output, LoadListener.NONE);
    return output;
  }

  private static float[] values(Weights weights) {
    float[] values = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, values, r * weights.columns());
    }
    return values;
  }

  /** What NF4 makes of a matrix, in fp32. */
  private static float[] expected(float[] values) {
    byte[] packed = new byte[(values.length + 1) / 2];
    float[] absmax = new float[(values.length + 63) / 64];
    MemorySegment bytes = MemorySegment.ofArray(packed);
    NormalFloat.quantize(bytes, 0, absmax, 0, values, 0, values.length);
    NormalFloat.Scales scales = NormalFloat.quantizeScales(absmax);
    float[] given =
        NormalFloat.dequantizeScales(
            scales.quantized(), NormalFloat.dynamicMap(), scales.absmax(), 256, scales.offset());
    float[] out = new float[values.length];
    NormalFloat.dequantize(out, 0, out.length, bytes, 0, NormalFloat.code(), given, 64);
    return out;
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void linearWeightsAreReadAsTheirNf4AndAllElseAsItWas(String name) throws IOException {
    Path nf4 = quantized(name);
    try (PhiModel base = PhiModel.open(Golden.folder(name), Optional.empty(), 1);
        PhiModel model = PhiModel.open(nf4, Optional.empty(), 3)) {
      assertEquals(base.type(), model.type());
      float[] want = expected(values(base.layers().get(1).fc2().weight()));
      float[] found = values(model.layers().get(1).fc2().weight());
      double ulp = base.type().name().equals("F32") ? 0 : 0x1p-8;
      double error = 0;
      double length = 0;
      float[] before = values(base.layers().get(1).fc2().weight());
      for (int i = 0; i < want.length; i++) {
        assertEquals(want[i], found[i], Math.abs(want[i]) * ulp, "element " + i);
        error += Math.pow(found[i] - before[i], 2);
        length += Math.pow(before[i], 2);
      }
      assertTrue(error / length > 0.001 && error / length < 0.02, "" + error / length);
      assertArrayEquals(values(base.lmHead().weight()), values(model.lmHead().weight()));
      assertArrayEquals(values(base.embedTokens()), values(model.embedTokens()));
      assertArrayEquals(base.layers().get(0).fc1().bias(), model.layers().get(0).fc1().bias());
    }
  }

  @Test
  void theFilesAreBitsandbytes() throws IOException {
    Path nf4 = quantized("tiny-bf16-head80");
    JsonNode config = StrictJson.read(nf4.resolve("config.json"), 1 << 20);
    JsonNode own = config.get("quantization_config");
    assertEquals("bitsandbytes", own.get("quant_method").textValue());
    assertTrue(own.get("load_in_4bit").booleanValue());
    assertTrue(own.get("bnb_4bit_use_double_quant").booleanValue());
    try (Safetensors file = Safetensors.open(nf4.resolve("model.safetensors"))) {
      TensorInfo packed = file.tensors().get(Q_PROJ);
      long values = 2 * packed.shape().get(0);
      assertEquals(DType.U8, packed.dtype());
      assertEquals(List.of(values / 2, 1L), packed.shape());
      assertEquals("U8 (" + values / 64 + ")", file.tensors().get(Q_PROJ + ".absmax").describe());
      assertEquals("F32 (16)", file.tensors().get(Q_PROJ + ".quant_map").describe());
      assertEquals("F32 (256)", file.tensors().get(Q_PROJ + ".nested_quant_map").describe());
      TensorInfo text = file.tensors().get(Q_PROJ + ".quant_state.bitsandbytes__nf4");
      byte[] bytes = new byte[(int) text.byteSize()];
      file.read(text, 0, MemorySegment.ofArray(bytes));
      String state = new String(bytes, StandardCharsets.UTF_8);
      assertTrue(
          state.matches(
              "\\{\"quant_type\": \"nf4\", \"blocksize\": 64, \"dtype\": \"bfloat16\", \"shape\":"
                  + " \\[\\d+, \\d+], \"nested_blocksize\": 256, \"nested_dtype\": \"float32\","
                  + " \"nested_offset\": [0-9.E-]+}"),
          state);
    }
  }

  /** The file again with some tensors replaced; null takes one out. */
  private static void rewrite(Path model, Map<String, UnaryOperator<byte[]>> changes)
      throws IOException {
    Path path = model.resolve("model.safetensors");
    List<TensorSpec> specs = new ArrayList<>();
    Map<String, byte[]> contents = new LinkedHashMap<>();
    try (Safetensors file = Safetensors.open(path)) {
      for (TensorInfo tensor : file.tensors().values()) {
        byte[] bytes = new byte[(int) tensor.byteSize()];
        file.read(tensor, 0, MemorySegment.ofArray(bytes));
        UnaryOperator<byte[]> change =
            changes.getOrDefault(tensor.name(), UnaryOperator.identity());
        byte[] changed = change.apply(bytes);
        if (changed != null) {
          contents.put(tensor.name(), changed);
          List<Long> shape =
              changed.length == bytes.length
                  ? tensor.shape()
                  : List.of((long) changed.length / tensor.dtype().bytes());
          specs.add(new TensorSpec(tensor.name(), tensor.dtype(), shape));
        }
      }
    }
    try (SafetensorsWriter writer = SafetensorsWriter.create(path, specs, Map.of())) {
      for (TensorSpec spec : writer.order()) {
        writer.write(spec.name(), MemorySegment.ofArray(contents.get(spec.name())));
      }
      writer.finish();
    }
  }

  private static UnaryOperator<byte[]> replacing(String old, String other) {
    return bytes ->
        new String(bytes, StandardCharsets.UTF_8)
            .replaceFirst(old, other)
            .getBytes(StandardCharsets.UTF_8);
  }

  private void assertRefused(String part, UnaryOperator<byte[]> change, String said)
      throws IOException {
    Path model = quantized("tiny-bf16-head80");
    rewrite(model, Map.of(Q_PROJ + part, change));
    String message =
        assertThrows(IOException.class, () -> PhiModel.open(model, Optional.empty(), 1).close())
            .getMessage();
    assertTrue(message.contains(said), message);
    assertTrue(message.contains(Q_PROJ), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void brokenPartsAreRefusedByName() throws IOException {
    String state = ".quant_state.bitsandbytes__nf4";
    assertRefused(".absmax", bytes -> null, "missing beside its quant_state");
    assertRefused(".quant_map", bytes -> null, "missing beside its quant_state");
    assertRefused(".nested_quant_map", bytes -> new byte[8], "needed 256 elements of F32");
    assertRefused("", bytes -> new byte[bytes.length - 1], "elements of U8 by its quant_state");
    assertRefused(state, bytes -> null, "unknown, needed the tensors");
    assertRefused(state, replacing("nf4", "fp4"), "quant_type: \"fp4\", needed nf4");
    assertRefused(state, replacing("64", "48"), "blocksize: needed a power of two");
    assertRefused(state, replacing("bfloat16", "int8"), "dtype: \"int8\"");
    assertRefused(state, replacing("\"shape\": \\[\\d+", "\"shape\": [7"), "by its quant_state");
    assertRefused(state, replacing("\"shape\": \\[\\d+", "\"shape\": [0"), "shape: needed two");
    assertRefused(state, replacing(", \"nested_offset.*}", "}"), "nested_offset: missing");
    assertRefused(state, replacing("\\{", "{{"), "not valid JSON");
    assertRefused(
        ".nested_absmax",
        bytes -> {
          bytes[2] = bytes[3] = (byte) 0xFF;
          return bytes;
        },
        "NaN or infinite");
  }

  @Test
  void anAdapterTrainsBesideItAndMergesIntoTheUnquantized() throws IOException {
    Path nf4 = quantized("tiny-f32");
    Path data = folder.resolve("data.jsonl");
    Files.writeString(data, "{\"input_ids\":[1,2,3,4,5,6,7,8]}\n".repeat(4));
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("base_model", nf4.toString());
    settings.put("output_dir", folder.resolve("adapter").toString());
    settings.put("datasets", List.of(Map.of("path", data.toString(), "type", "tokens")));
    settings.put("sequence_len", 8);
    settings.put("learning_rate", 0.01);
    settings.put("max_steps", 5);
    settings.put("adapter", "lora");
    settings.put("lora_r", 4);
    assertTrue(run(settings));
    Path merged = folder.resolve("merged");
    AdapterMerge.write(Golden.folder("tiny-f32"), folder.resolve("adapter"), merged, 1);
    Exception e =
        assertThrows(
            IOException.class,
            () -> AdapterMerge.write(nf4, folder.resolve("adapter"), folder.resolve("x"), 1));
    assertTrue(e.getMessage().contains("NF4 weights, needed the unquantized"), e.getMessage());
    settings.put("stage", 6);
    settings.put("output_dir", folder.resolve("six").toString());
    e = assertThrows(IllegalArgumentException.class, () -> run(settings));
    assertTrue(e.getMessage().startsWith("base_model: "), e.getMessage());
  }

  private static boolean run(Map<String, Object> settings) throws IOException {
    return new TrainingRun(
            TrainingPlan.parse(settings),
            TrainingRun.Existing.REFUSE,
            2,
            new TrainingRun.Listener() {
              @Override
              public void message(String text) {}

              @Override
              public void step(
                  TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble loss) {}
            })
        .run();
  }
}
