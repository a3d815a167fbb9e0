package dev.eeve.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.Mutator;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PeftFormatTest {
  /** Grouped key/value heads: 2 × 18 columns of 72. */
  private static final PhiDimensions SIZES = new PhiDimensions(50, 72, 100, 2, 4, 2);

  private static final LoraConfig ALL =
      new LoraConfig(5, 7.5, 0.05, true, LoraConfig.ALL_LINEAR, List.of("embed_tokens", "lm_head"));
  private static final LoraConfig SOME =
      new LoraConfig(3, 6, 0, false, List.of("q_proj", "layers.1.mlp.fc2"), List.of());

  private final Arena arena = Arena.ofShared();
  @TempDir private Path folder;

  @AfterEach
  void close() {
    arena.close();
  }

  private Path written(LoraConfig config) throws IOException {
    Path written = folder.resolve("adapter");
    RandomAdapter.of(arena, SIZES, config, 1).write(written, "some/base");
    return written;
  }

  /** A table of the description: left column to right. */
  private static Map<String, String> table(String title) throws IOException {
    try (InputStream in = PeftFormatTest.class.getResourceAsStream("/peft/README.md")) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      Map<String, String> rows = new LinkedHashMap<>();
      text.substring(text.indexOf("## " + title))
          .lines()
          .skip(4)
          .takeWhile(line -> line.startsWith("| "))
          .map(line -> line.split("\\|"))
          .forEach(cells -> rows.put(cells[1].strip(), cells[2].strip()));
      return rows;
    }
  }

  @Test
  void tensorsHaveTheNamesAndShapesOfTheDescription() throws IOException {
    Map<String, Integer> sizes =
        Map.of(
            "r",
            5,
            "hidden_size",
            72,
            "key_value_size",
            36,
            "intermediate_size",
            100,
            "vocab_size",
            50);
    Map<String, List<Long>> expected = new TreeMap<>();
    table("Tensors")
        .forEach(
            (name, shape) -> {
              List<Long> numbers = new ArrayList<>();
              for (String size : shape.split(", ")) {
                numbers.add((long) sizes.get(size));
              }
              for (int layer = 0; layer < (name.contains(".N.") ? 2 : 1); layer++) {
                expected.put(name.replace(".N.", "." + layer + "."), numbers);
              }
            });
    assertEquals(27, expected.size());
    Map<String, List<Long>> found = new TreeMap<>();
    try (Safetensors file = Safetensors.open(written(ALL).resolve("adapter_model.safetensors"))) {
      for (TensorInfo tensor : file.tensors().values()) {
        assertEquals(DType.F32, tensor.dtype());
        found.put(tensor.name(), tensor.shape());
      }
      assertEquals(Map.of("format", "pt"), file.metadata());
    }
    assertEquals(expected, found);
  }

  @Test
  void settingsHaveTheKeysAndValuesOfTheDescription() throws IOException {
    for (LoraConfig config : List.of(ALL, SOME)) {
      JsonNode root = StrictJson.read(written(config).resolve("adapter_config.json"), 1 << 20);
      Map<String, String> found = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> entry : root.properties()) {
        found.put(entry.getKey(), kind(entry.getKey(), entry.getValue()));
      }
      assertEquals(table("Settings"), found);
      assertEquals(new ArrayList<>(table("Settings").keySet()), new ArrayList<>(found.keySet()));
      assertEquals("some/base", root.get("base_model_name_or_path").textValue());
      assertEquals(config.r(), root.get("r").intValue());
      assertEquals(config.loraAlpha(), root.get("lora_alpha").doubleValue());
      assertEquals(config.targetModules().size(), root.get("target_modules").size());
    }
  }

  private static String kind(String key, JsonNode value) {
    return switch (key) {
      case "base_model_name_or_path" -> value.isTextual() ? "text" : "" + value;
      case "lora_alpha", "lora_dropout", "r" -> value.isNumber() ? "number" : "" + value;
      case "modules_to_save", "target_modules" ->
          value.isArray() || value.isNull() ? "list or null" : "" + value;
      case "use_rslora" -> value.isBoolean() ? "flag" : "" + value;
      default -> value.toString();
    };
  }

  private static float[] values(Weights weights) {
    float[] values = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, values, r * weights.columns());
    }
    return values;
  }

  @Test
  void whatWasWrittenIsReadAgain() throws IOException {
    for (LoraConfig config : List.of(ALL, SOME)) {
      LoraAdapter want = RandomAdapter.of(arena, SIZES, config, 1);
      try (LoraAdapter found = LoraAdapter.read(written(config), SIZES)) {
        assertEquals("adapter", found.name());
        assertEquals(config, found.config());
        for (String module : LoraConfig.linears(SIZES.shapes().keySet())) {
          assertEquals(want.update(module).isPresent(), found.update(module).isPresent(), module);
          if (want.update(module).isPresent()) {
            assertArrayEquals(
                values(want.update(module).get().a()), values(found.update(module).get().a()));
            assertArrayEquals(
                values(want.update(module).get().b()), values(found.update(module).get().b()));
            assertEquals(config.scale(), found.update(module).get().scale());
          }
        }
        for (String tensor : List.of("model.embed_tokens.weight", "lm_head.weight")) {
          assertEquals(want.savedMatrix(tensor).isPresent(), found.savedMatrix(tensor).isPresent());
          if (want.savedMatrix(tensor).isPresent()) {
            assertArrayEquals(
                values(want.savedMatrix(tensor).get()), values(found.savedMatrix(tensor).get()));
          }
        }
        assertArrayEquals(
            want.savedVector("lm_head.bias").orElse(null),
            found.savedVector("lm_head.bias").orElse(null));
      }
    }
    assertEquals((float) (7.5 / Math.sqrt(5)), ALL.scale());
    assertEquals(2f, SOME.scale());
  }

  private void edit(Path adapter, String key, String json) throws IOException {
    Path file = adapter.resolve("adapter_config.json");
    ObjectNode root = (ObjectNode) StrictJson.read(file, 1 << 20);
    if (json.equals("-")) {
      root.remove(key);
    } else {
      root.set(key, StrictJson.MAPPER.readTree(json));
    }
    Files.write(file, StrictJson.MAPPER.writeValueAsBytes(root));
  }

  /** As newer and older releases of PEFT write them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "target_modules~\"all-linear\"",
        "target_modules~\"(?:.*?layers.*?(?:self_attn|mlp)).*\"",
        "peft_version~\"0.19.1\"",
        "qalora_group_size~16",
        "runtime_config~{\"ephemeral_gpu_offload\":false}",
        "kasa_config~null",
        "lora_bias~false",
        "init_lora_weights~\"gaussian\"",
        "auto_mapping~{\"base_model_class\":\"PhiForCausalLM\"}",
        "modules_to_save~null", // a vocabulary that has grown is saved unasked
        "lora_dropout~-",
        "use_rslora~-",
        "task_type~null~"
      })
  void settingsThatChangeNothingArePassedOver(String key, String json) throws IOException {
    Path adapter = written(ALL);
    edit(adapter, key, json);
    try (LoraAdapter found = LoraAdapter.read(adapter, SIZES)) {
      assertTrue(found.update("model.layers.1.mlp.fc2").isPresent());
      assertTrue(found.savedMatrix("lm_head.weight").isPresent());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "rank_pattern|{\"q_proj\":2}|\"rank_pattern\": ",
        "alpha_pattern|{\"q_proj\":2}|\"alpha_pattern\": ",
        "use_dora|true|\"use_dora\": ",
        "layers_to_transform|[0]|\"layers_to_transform\": ",
        "exclude_modules|\"fc1\"|\"exclude_modules\": ",
        "trainable_token_indices|[1]|\"trainable_token_indices\": ",
        "fan_in_fan_out|true|\"fan_in_fan_out\": ",
        "lora_bias|true|\"lora_bias\": ",
        "some_new_switch|1|\"some_new_switch\": ",
        "peft_type|\"IA3\"|peft_type: ",
        "peft_type|-|peft_type: missing",
        "task_type|\"SEQ_CLS\"|task_type: ",
        "bias|\"all\"|bias: ",
        "init_lora_weights|\"pissa_niter_16\"|init_lora_weights: ",
        "r|0|lora_r: 0",
        "r|1.5|r: ",
        "r|99999999999|r: ",
        "r|4|tensor \"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight\"",
        "lora_alpha|\"x\"|lora_alpha: ",
        "lora_alpha|0|lora_alpha: ",
        "use_rslora|\"yes\"|use_rslora: ",
        "target_modules|[\"q_proj\"]|its layer is none of target_modules",
        "target_modules|[\"q_proj\",\"Wqkv\"]|target_modules: \"Wqkv\" names no linear layer",
        "target_modules|[1]|target_modules: ",
        "target_modules|null|target_modules: ",
        "modules_to_save|[\"classifier\"]|modules_to_save: classifier"
      })
  void settingsThatAreNotSupportedAreRefusedByName(String key, String json, String said)
      throws IOException {
    Path adapter = written(ALL);
    edit(adapter, key, json);
    assertRefused(adapter, said);
  }

  private static void assertRefused(Path adapter, String said) {
    String message =
        assertThrows(IOException.class, () -> LoraAdapter.read(adapter, SIZES)).getMessage();
    assertTrue(message.contains(said), message);
    assertTrue(message.startsWith(adapter.toString()), message);
    assertEquals(1, message.lines().count());
  }

  private void rewrite(Path adapter, Map<String, TensorSpec> replaced) throws IOException {
    Path file = adapter.resolve("adapter_model.safetensors");
    List<TensorSpec> specs = new ArrayList<>();
    try (Safetensors source = Safetensors.open(file)) {
      for (TensorInfo tensor : source.tensors().values()) {
        TensorSpec same = new TensorSpec(tensor.name(), tensor.dtype(), tensor.shape());
        TensorSpec spec = replaced.getOrDefault(tensor.name(), same);
        if (spec != null) {
          specs.add(spec);
        }
      }
    }
    for (TensorSpec spec : replaced.values()) {
      if (spec != null && specs.stream().noneMatch(s -> s.name().equals(spec.name()))) {
        specs.add(spec);
      }
    }
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, specs, Map.of())) {
      for (TensorSpec spec : writer.order()) {
        writer.write(spec.name(), MemorySegment.ofArray(new byte[(int) spec.byteSize()]));
      }
      writer.finish();
    }
  }

  @Test
  void tensorsThatAreMissingUnknownOrOfAnotherShapeAreRefusedByName() throws IOException {
    String a = PeftNames.a("model.layers.1.mlp.fc1");
    Map<String, TensorSpec> without = new LinkedHashMap<>();
    without.put(a, null);
    Path adapter = written(ALL);
    rewrite(adapter, without);
    assertRefused(adapter, "tensor \"" + a + "\": missing");
    for (String unknown :
        List.of(
            "base_model.model.model.layers.0.mlp.fc1.lora_magnitude_vector",
            "base_model.model.model.layers.7.mlp.fc1.lora_A.weight",
            "base_model.model.model.embed_tokens.lora_embedding_A",
            "model.layers.0.mlp.fc1.lora_A.weight")) {
      adapter = written(ALL);
      rewrite(adapter, Map.of(unknown, new TensorSpec(unknown, DType.F32, List.of(5L, 72L))));
      assertRefused(adapter, "tensor \"" + unknown + "\": unknown");
    }
    adapter = written(ALL);
    rewrite(adapter, Map.of(a, new TensorSpec(a, DType.F32, List.of(5L, 73L))));
    assertRefused(adapter, "F32 (5, 73), needed F32, F16 or BF16 [5, 72]");
    adapter = written(ALL);
    rewrite(adapter, Map.of(a, new TensorSpec(a, DType.I64, List.of(5L, 72L))));
    assertRefused(adapter, "I64 (5, 72)");
    Path file = adapter.resolve("adapter_model.safetensors");
    Files.move(file, adapter.resolve("adapter_model.bin"));
    assertRefused(adapter, "missing beside adapter_model.bin");
    assertRefused(folder.resolve("nowhere"), "no folder");
  }

  @Test
  void halfPrecisionIsReadAndWhatIsNotFiniteIsRefused() throws IOException {
    String a = PeftNames.a("model.layers.1.mlp.fc1");
    for (DType type : List.of(DType.F16, DType.BF16)) {
      Path adapter = written(ALL);
      rewrite(adapter, Map.of(a, new TensorSpec(a, type, List.of(5L, 72L))));
      try (LoraAdapter found = LoraAdapter.read(adapter, SIZES)) {
        assertArrayEquals(new float[360], values(found.update("model.layers.1.mlp.fc1").get().a()));
      }
    }
    Path adapter = written(ALL);
    Path file = adapter.resolve("adapter_model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer.wrap(bytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putFloat(bytes.length - 4, Float.POSITIVE_INFINITY);
    Files.write(file, bytes);
    assertRefused(adapter, "NaN or infinite");
  }

  /** Each is refused in one line or read; nothing else is thrown and nothing large is taken. */
  @Test
  void brokenFilesAreRefusedInOneLine() throws IOException {
    Path adapter = written(SOME);
    Path config = adapter.resolve("adapter_config.json");
    Path tensors = adapter.resolve("adapter_model.safetensors");
    byte[] goodConfig = Files.readAllBytes(config);
    byte[] goodTensors = Files.readAllBytes(tensors);
    int header = (int) ByteBuffer.wrap(goodTensors).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] json = new byte[header];
    System.arraycopy(goodTensors, 8, json, 0, header);
    Mutator mutator = new Mutator(5);
    int refused = 0;
    for (int i = 0; i < 600; i++) {
      Files.write(config, i % 2 == 0 ? mutator.mutate(goodConfig) : goodConfig);
      if (i % 2 == 1) {
        byte[] broken = mutator.mutate(json);
        ByteBuffer file = ByteBuffer.allocate(8 + broken.length + goodTensors.length - 8 - header);
        file.order(ByteOrder.LITTLE_ENDIAN).putLong(broken.length).put(broken);
        file.put(goodTensors, 8 + header, goodTensors.length - 8 - header);
        Files.write(tensors, file.array());
      } else {
        Files.write(tensors, goodTensors);
      }
      try (LoraAdapter read = LoraAdapter.read(adapter, SIZES)) {
        assertTrue(read.update("model.layers.1.mlp.fc2").isPresent());
      } catch (IOException e) {
        refused++;
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
      }
    }
    assertTrue(refused > 300, refused + " of 600");
  }
}
