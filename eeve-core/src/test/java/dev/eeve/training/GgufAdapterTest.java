package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.GgufExport;
import dev.eeve.Golden;
import dev.eeve.LanguageModel;
import dev.eeve.adapter.LoraAdapter;
import dev.eeve.checkpoint.DType;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.LoadListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adapters that train beside a GGUF file. */
class GgufAdapterTest {
  private static final Path BASE = Golden.folder("tiny-bf16-head80");
  private static final String WEIGHTS = "adapter_model.safetensors";

  @TempDir private Path folder;
  private Path corpus;
  private final List<String> messages = new ArrayList<>();

  @BeforeEach
  void writeData() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      lines.add("{\"input_ids\":" + Arrays.toString(random.ints(14, 0, 160).toArray()) + "}");
    }
    corpus = Files.write(folder.resolve("data.jsonl"), lines);
  }

  /** The model with one type for the body's matrices, the others as they are in the folder. */
  private Path file(DType type) throws IOException {
    Path file = folder.resolve(type + ".gguf");
    GgufExport.Types types = new GgufExport.Types(type, DType.BF16, DType.BF16);
    GgufExport.write(BASE, types, file, false, LoadListener.NONE);
    return file;
  }

  private Map<String, Object> settings(Path base, String output, Object... more) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("base_model", base.toString());
    all.put("output_dir", folder.resolve(output).toString());
    all.put("datasets", List.of(Map.of("path", corpus.toString(), "type", "tokens")));
    all.put("sequence_len", 16);
    all.put("learning_rate", 0.02);
    all.put("warmup_steps", 1);
    all.put("max_steps", 4);
    all.put("save_steps", 1);
    all.put("resid_dropout", 0); // a GGUF file has phi-2's
    for (int i = 0; i < more.length; i += 2) {
      all.put((String) more[i], more[i + 1]);
    }
    return all;
  }

  private byte[] train(Map<String, Object> settings, TrainingRun.Existing existing, int stopAfter)
      throws IOException {
    TrainingRun[] run = new TrainingRun[1];
    TrainingRun.Listener listener =
        new TrainingRun.Listener() {
          @Override
          public void message(String text) {
            messages.add(text);
          }

          @Override
          public void step(
              TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble loss) {
            if (step.step() == stopAfter) {
              run[0].stop();
            }
          }
        };
    run[0] = new TrainingRun(TrainingPlan.parse(settings), existing, 2, listener);
    assertEquals(stopAfter < 0, run[0].run());
    Path weights = Path.of(settings.get("output_dir").toString()).resolve(WEIGHTS);
    return stopAfter < 0 ? Files.readAllBytes(weights) : null;
  }

  private byte[] train(Map<String, Object> settings) throws IOException {
    return train(settings, TrainingRun.Existing.REFUSE, -1);
  }

  @Test
  void theAdapterIsTheOneTrainedBesideAFolderOfTheSameWeights() throws IOException {
    byte[] plain = train(settings(BASE, "plain", "adapter", "lora"));
    assertArrayEquals(plain, train(settings(file(DType.BF16), "bf16", "adapter", "lora")));
    byte[] four = train(settings(BASE, "four", "adapter", "qlora"));
    assertArrayEquals(four, train(settings(file(DType.BF16), "quantized", "adapter", "qlora")));
    assertArrayEquals(four, train(settings(file(DType.Q4_0), "q4_0", "adapter", "qlora")));
    assertArrayEquals(four, train(settings(file(DType.Q4_0), "lora", "adapter", "lora")));
    Object[] eightBits = {"adapter", "qlora", "lora_base_dtype", "q8_0"};
    byte[] eight = train(settings(BASE, "eight", eightBits));
    assertArrayEquals(eight, train(settings(file(DType.Q8_0), "q8_0", "adapter", "qlora")));
    Object[] fourBits = {"adapter", "qlora", "lora_base_dtype", "q4_0"};
    assertFalse(Arrays.equals(eight, train(settings(file(DType.Q8_0), "q8to4", fourBits))));
    assertEquals(List.of(), messages);
  }

  @Test
  void anInterruptedRunEndsWithTheAdapterOfAWholeOneAndServesBesideTheFile() throws IOException {
    Path base = folder.resolve("all.gguf");
    GgufExport.write(BASE, DType.Q4_0, base, false, LoadListener.NONE);
    Object[] keys = {"adapter", "qlora", "lora_modules_to_save", List.of("lm_head")};
    byte[] whole = train(settings(base, "whole", keys));
    train(settings(base, "cut", keys), TrainingRun.Existing.REFUSE, 2);
    byte[] cut = train(settings(base, "cut", keys), TrainingRun.Existing.RESUME, -1);
    assertArrayEquals(whole, cut);
    try (LanguageModel model = LanguageModel.open(base);
        LoraAdapter adapter = model.readAdapter(folder.resolve("whole"))) {
      assertEquals(ElementType.Q4_0, model.phi().type());
      GenerationConfig greedy = GenerationConfig.greedy(12).withIgnoreEos(true);
      int[] prompt = {1, 2, 3};
      assertFalse(
          model
              .generate(prompt, greedy)
              .tokens()
              .equals(model.withAdapters(adapter).generate(prompt, greedy).tokens()));
    }
  }

  @Test
  void whatWouldChangeTheFilesOwnWeightsIsRefused() throws IOException {
    Path file = file(DType.BF16);
    Object[][] all = {
      {"stage", 7}, {"stage", 6, "adapter", "lora"}, {"unfrozen_parameters", List.of("^lm_head")}
    };
    for (Object[] keys : all) {
      Map<String, Object> settings = settings(file, "refused", keys);
      Exception e = assertThrows(IllegalArgumentException.class, () -> train(settings));
      assertTrue(
          e.getMessage().startsWith("base_model: " + file + ": a GGUF file found, needed"),
          e.getMessage());
      Exception plan =
          assertThrows(
              IllegalArgumentException.class,
              () -> TrainingForecast.of(TrainingPlan.parse(settings), 1));
      assertEquals(e.getMessage(), plan.getMessage());
    }
  }
}
