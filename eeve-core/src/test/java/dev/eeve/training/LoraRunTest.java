package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.AdapterMerge;
import dev.eeve.Golden;
import dev.eeve.adapter.LoraAdapter;
import dev.eeve.adapter.LoraConfig;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adapters from files to files. */
class LoraRunTest {
  private static final Path BASE = Golden.folder("tiny-bf16-head80");

  @TempDir private Path folder;
  private Path corpus;

  @BeforeEach
  void writeData() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      lines.add("{\"input_ids\":" + Arrays.toString(random.ints(14, 0, 160).toArray()) + "}");
    }
    corpus = Files.write(folder.resolve("data.jsonl"), lines);
  }

  /** Keys in pairs over a run of an adapter; a null takes a key out, "" leaves it blank. */
  private Map<String, Object> settings(String output, Object... more) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("base_model", BASE.toString());
    all.put("output_dir", folder.resolve(output).toString());
    all.put("datasets", List.of(Map.of("path", corpus.toString(), "type", "tokens")));
    all.put("sequence_len", 16);
    all.put("gradient_accumulation_steps", 2);
    all.put("learning_rate", 0.02);
    all.put("warmup_steps", 1);
    all.put("weight_decay", 0.1);
    all.put("resid_dropout", 0.1);
    all.put("max_steps", 6);
    all.put("gradient_checkpointing", true);
    all.put("adapter", "lora");
    all.put("lora_r", 4);
    all.put("lora_alpha", 8);
    all.put("lora_dropout", 0.1);
    for (int i = 0; i < more.length; i += 2) {
      if (more[i + 1] == null) {
        all.remove(more[i]);
      } else {
        all.put((String) more[i], more[i + 1].equals("") ? null : more[i + 1]);
      }
    }
    return all;
  }

  private static boolean run(Map<String, Object> settings, boolean resume, int stopAfter)
      throws IOException {
    TrainingRun[] run = new TrainingRun[1];
    TrainingRun.Listener listener =
        new TrainingRun.Listener() {
          @Override
          public void message(String text) {}

          @Override
          public void step(
              TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble loss) {
            if (step.step() == stopAfter) {
              run[0].stop();
            }
          }
        };
    TrainingRun.Existing existing =
        resume ? TrainingRun.Existing.RESUME : TrainingRun.Existing.REFUSE;
    run[0] = new TrainingRun(TrainingPlan.parse(settings), existing, resume ? 1 : 2, listener);
    return run[0].run();
  }

  private byte[] bytes(String file) throws IOException {
    return Files.readAllBytes(folder.resolve(file));
  }

  @Test
  void anInterruptedRunEndsWithTheAdapterOfAWholeOne() throws IOException {
    assertTrue(run(settings("whole", "lora_modules_to_save", List.of("lm_head")), false, -1));
    assertFalse(
        run(
            settings("cut", "lora_modules_to_save", List.of("lm_head"), "save_steps", 2),
            false,
            3));
    assertFalse(Files.exists(folder.resolve("cut/adapter_config.json")));
    assertTrue(
        run(
            settings("cut", "lora_modules_to_save", List.of("lm_head"), "save_steps", 2),
            true,
            -1));
    assertArrayEquals(
        bytes("whole/adapter_model.safetensors"), bytes("cut/adapter_model.safetensors"));
    assertArrayEquals(bytes("whole/adapter_config.json"), bytes("cut/adapter_config.json"));
    assertEquals(6, Files.readAllLines(folder.resolve("cut/metrics.jsonl")).size());
    assertFalse(Files.exists(folder.resolve("whole/model.safetensors")), "the base is elsewhere");
    Exception e =
        assertThrows(
            IOException.class,
            () -> {
              run(settings("other", "save_steps", 1), false, 2);
              run(settings("other", "lora_r", 5), true, -1);
            });
    assertTrue(e.getMessage().contains("lora_r: 4 there, 5 here"), e.getMessage());
  }

  @Test
  void theAdapterIsReadByPeftsRulesAndLowersTheLoss() throws IOException {
    Map<String, Object> settings =
        settings("out", "max_steps", 40, "val_set", corpus.toString(), "eval_steps", 1);
    settings.put("resid_dropout", 0);
    assertTrue(run(settings, false, -1));
    PhiConfig config = PhiConfig.read(BASE.resolve("config.json"));
    try (LoraAdapter adapter = LoraAdapter.read(folder.resolve("out"), config.dimensions())) {
      assertEquals(
          new LoraConfig(4, 8, 0.1, false, LoraConfig.ALL_LINEAR, List.of()), adapter.config());
      assertEquals(12, adapter.config().modules(config.dimensions().shapes().keySet()).size());
    }
    List<String> lines = Files.readAllLines(folder.resolve("out/metrics.jsonl"));
    assertTrue(valLoss(lines.getLast()) < valLoss(lines.getFirst()) - 0.5, lines.getLast());
  }

  private static double valLoss(String line) {
    return Double.parseDouble(line.replaceAll(".*\"val_loss\":([^,}]+).*", "$1"));
  }

  /** Stage 6 is merged in fp32, and stage 7 starts from the merged folder. */
  @Test
  void stageSixEndsMergedAndStageSevenStartsThere() throws IOException {
    Map<String, Object> both = settings("both", "adapter", null, "max_steps", 3);
    both.put("stages", List.of(5, 6, 7));
    both.put("number_of_old_tokens", 100);
    assertFalse(run(both, false, 2));
    assertTrue(run(both, true, -1));
    Path merged = folder.resolve("merged");
    AdapterMerge.write(folder.resolve("both/stage-5"), folder.resolve("both/adapter"), merged, 2);
    assertArrayEquals(bytes("merged/model.safetensors"), bytes("both/stage-6/model.safetensors"));
    Map<String, Object> seventh =
        settings("seventh", "adapter", null, "lora_r", null, "lora_alpha", null);
    seventh.remove("lora_dropout");
    seventh.put("stage", 7);
    seventh.put("max_steps", 3);
    seventh.put("base_model", merged.toString());
    assertTrue(run(seventh, false, -1));
    assertArrayEquals(bytes("seventh/model.safetensors"), bytes("both/model.safetensors"));
    assertArrayEquals(bytes("both/stage-7/model.safetensors"), bytes("both/model.safetensors"));
    try (PhiModel before = PhiModel.open(folder.resolve("both/stage-5"), Optional.empty(), 1);
        PhiModel after = PhiModel.open(merged, Optional.empty(), 1)) {
      assertSame(new BaseTensors(before), new BaseTensors(after), Parameters.of(before));
    }
  }

  /** All but the body's linear weights. */
  private static void assertSame(BaseTensors before, BaseTensors after, Parameters parameters) {
    int changed = 0;
    for (Parameter parameter : parameters.all()) {
      boolean adapted = parameter.name().matches(".*(_proj|dense|fc.)\\.weight");
      if (parameter.isVector()) {
        assertArrayEquals(
            before.vector(parameter.name()), after.vector(parameter.name()), parameter.name());
        continue;
      }
      float[] was = new float[parameter.columns()];
      float[] is = new float[parameter.columns()];
      for (int r = 0; r < parameter.rows(); r++) {
        before.matrix(parameter.name()).row(r, was, 0);
        after.matrix(parameter.name()).row(r, is, 0);
        assertTrue(adapted || Arrays.equals(was, is), parameter.name() + " row " + r);
        changed += Arrays.equals(was, is) ? 0 : 1;
      }
    }
    assertTrue(changed > 100, changed + " rows");
  }

  @Test
  void saveDtypeIsThatOfTheMergedModel() throws IOException {
    assertTrue(
        run(settings("f32", "stage", 6, "max_steps", 2, "save_dtype", "float32"), false, -1));
    try (PhiModel model = PhiModel.open(folder.resolve("f32"), Optional.empty(), 1)) {
      assertEquals("F32", model.type().name());
      assertEquals("F32", model.config().torchDtype().orElseThrow().name());
    }
    assertTrue(Files.exists(folder.resolve("f32/adapter/adapter_model.safetensors")));
  }

  /** Beside 4- and 8-bit weights; merged into the unquantized ones. */
  @Test
  void aQuantizedBaseTrainsAndResumesAndIsNeverMergedInto() throws IOException {
    for (String dtype : List.of("q4_0", "q8_0")) {
      Object[] keys = {
        "adapter",
        "qlora",
        "lora_base_dtype",
        dtype,
        "stage",
        6,
        "save_steps",
        2,
        "lora_modules_to_save",
        List.of("lm_head")
      };
      assertTrue(run(settings("whole" + dtype, keys), false, -1));
      assertFalse(run(settings("cut" + dtype, keys), false, 3));
      assertTrue(run(settings("cut" + dtype, keys), true, -1));
      Path merged = folder.resolve("merged" + dtype);
      AdapterMerge.write(BASE, folder.resolve("whole" + dtype + "/adapter"), merged, 1);
      byte[] expected = bytes("merged" + dtype + "/model.safetensors");
      assertArrayEquals(expected, bytes("whole" + dtype + "/model.safetensors"));
      assertArrayEquals(expected, bytes("cut" + dtype + "/model.safetensors"));
    }
    assertFalse(
        Arrays.equals(bytes("wholeq4_0/model.safetensors"), bytes("wholeq8_0/model.safetensors")));
    TrainingForecast plain = TrainingForecast.of(TrainingPlan.parse(settings("x")), 2).getFirst();
    TrainingForecast small =
        TrainingForecast.of(TrainingPlan.parse(settings("x", "adapter", "qlora")), 2).getFirst();
    assertTrue(small.memory().bytes() < plain.memory().bytes());
    assertRefused("lora_base_dtype: given without", "lora_base_dtype", "q4_0");
    assertRefused("lora_base_dtype: q5_0 found", "adapter", "qlora", "lora_base_dtype", "q5_0");
  }

  private Optional<LoraConfig> adapter(Object... more) {
    return TrainingPlan.parse(settings("x", more)).getFirst().adapter();
  }

  private void assertRefused(String start, Object... more) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> adapter(more));
    assertTrue(e.getMessage().startsWith(start), e.getMessage());
  }

  @Test
  void keysAreAxolotls() {
    LoraConfig plain = new LoraConfig(4, 8, 0.1, false, LoraConfig.ALL_LINEAR, List.of());
    assertEquals(Optional.of(plain), adapter());
    assertEquals(Optional.of(plain), adapter("lora_target_linear", true));
    assertEquals(Optional.of(plain), adapter("lora_target_modules", "all-linear"));
    assertEquals(Optional.of(plain), adapter("lora_fan_in_fan_out", "", "lora_model_dir", ""));
    assertEquals(Optional.of(plain), adapter("stage", 7));
    assertEquals(
        Optional.of(
            new LoraConfig(4, 8, 0.1, true, List.of("q_proj", "v_proj"), List.of("lm_head"))),
        adapter(
            "lora_target_modules",
            List.of("q_proj", "v_proj"),
            "lora_modules_to_save",
            "lm_head",
            "peft_use_rslora",
            true));
    assertRefused("adapter: ia3 found", "adapter", "ia3");
    assertRefused("peft_use_dora: true found", "peft_use_dora", true);
    assertRefused("lora_model_dir: x found", "lora_model_dir", "x");
    assertRefused("lora_plus: unknown key", "lora_plus", 1);
    assertRefused("lora_r: given without an adapter", "adapter", "none", "stage", 6);
    assertRefused("lora_r: given without an adapter", "adapter", "", "stage", 6);
    assertRefused("adapter: stage 5 trains rows", "stage", 5, "number_of_old_tokens", 3);
    assertRefused("unfrozen_parameters: given", "unfrozen_parameters", List.of("^lm_head"));
    assertRefused("adapter: given beside stages without a 6", "stages", List.of(4, 5));
    assertRefused("save_rounding: stochastic", "save_rounding", "stochastic");
    assertRefused("adapter: needs base_model", "base_model", null, "model_config", "c.json");
  }

  @Test
  void stageSixHasAnAdapterUnlessToldOtherwise() {
    Object[] none = {"lora_r", null, "lora_alpha", null, "lora_dropout", null, "stage", 6};
    Map<Object, Object> given = new HashMap<>();
    given.put(null, Optional.of(LoraConfig.defaults()));
    given.put("none", Optional.empty());
    given.put("", Optional.empty());
    given.forEach(
        (value, expected) -> {
          Object[] all = Arrays.copyOf(none, none.length + 2);
          all[none.length] = "adapter";
          all[none.length + 1] = value;
          assertEquals(expected, adapter(all), "adapter: " + value);
        });
    Map<String, Object> stages = settings("x", "number_of_old_tokens", 100);
    stages.put("stages", List.of(1, 6, Map.of("stage", 7, "lora_r", 2, "adapter", "lora")));
    List<TrainingPlan> plans = TrainingPlan.parse(stages);
    assertEquals(Optional.empty(), plans.get(0).adapter());
    assertEquals(4, plans.get(1).adapter().orElseThrow().r());
    assertEquals(2, plans.get(2).adapter().orElseThrow().r());
    stages.put("stages", List.of(1, Map.of("stage", 6, "adapter", "none", "lora_r", 3)));
    assertThrows(IllegalArgumentException.class, () -> TrainingPlan.parse(stages));
  }

  @Test
  void theForecastListsTheAdapter() throws IOException {
    TrainingForecast forecast =
        TrainingForecast.of(TrainingPlan.parse(settings("x")), 2).getFirst();
    PhiConfig config = PhiConfig.read(BASE.resolve("config.json"));
    long hidden = config.hiddenSize();
    long wide = config.intermediateSize();
    long layers = config.numHiddenLayers();
    assertEquals(layers * 4 * (4 * 2 * hidden + 2 * (hidden + wide)), forecast.trainedParameters());
    Map<String, Long> items = new HashMap<>();
    for (MemoryPlan.Item item : forecast.memory().items()) {
      items.put(item.name(), item.bytes());
    }
    assertTrue(items.get("adapters") >= 4 * forecast.trainedParameters());
    assertEquals(items.get("adapters"), items.get("gradients"));
    assertEquals(2 * items.get("adapters"), items.get("moments"));
    assertEquals(0, items.get("masters"));
  }
}
