package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.kernels.Simd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InfoAndBenchTest {
  @Test
  void infoTellsPartsTypesVocabularyKernelsAndMemory(@TempDir Path folder) throws IOException {
    Path model = TestModel.in(folder);
    JsonNode info = Run.json("info", "--model", model, "--threads", 1, "--json");
    long parts = 0;
    for (JsonNode part : info.get("parameters_by_part")) {
      parts += part.longValue();
    }
    assertEquals(info.get("parameters").longValue(), parts);
    assertEquals(4 * parts, info.get("file_bytes_by_dtype").get("f32").longValue());
    assertEquals(320, info.get("vocab_size").intValue());
    assertEquals(257, info.get("tokens").intValue());
    assertEquals(Simd.describe(), info.get("kernels").textValue());
    long memory = 0;
    for (JsonNode item : info.get("memory_bytes")) {
      memory += item.longValue();
    }
    assertEquals(2 * info.get("memory_bytes").get("total").longValue(), memory);
    JsonNode bf16 = Run.json("info", "--model", model, "--dtype", "bf16", "--json");
    assertEquals("bf16", bf16.get("dtype").textValue());
    JsonNode cache = Run.json("info", "--model", model, "--cache-type", "bf16", "--json");
    assertEquals(
        info.get("memory_bytes").get("key_value_cache").longValue(),
        2 * cache.get("memory_bytes").get("key_value_cache").longValue());
    Run text = Run.of("info", "--model", model);
    assertTrue(text.out().contains("kernels: " + Simd.describe() + "\n"), text.out());
    assertTrue(text.out().contains("\n  key_value_cache: "), text.out());
  }

  @Test
  void aTrainingPlanTellsEachStagesRowsAndMemory(@TempDir Path folder) throws IOException {
    Path data = Files.writeString(folder.resolve("d.jsonl"), "{\"input_ids\":[1,2,3]}\n");
    Path config =
        Files.writeString(
            folder.resolve("c.yaml"),
            """
            base_model: %s
            output_dir: %s
            datasets: [{path: %s, type: tokens}]
            number_of_old_tokens: 100
            learning_rate: 1e-3
            stages: [2, 5]
            """
                .formatted(Run.golden("tiny-bf16-head80"), folder.resolve("out"), data));
    JsonNode plan = Run.json("info", "--plan", config, "--json");
    assertEquals(2, plan.get("stages").size());
    JsonNode stage = plan.get("stages").get(1);
    assertEquals(5, stage.get("stage").intValue());
    assertEquals(60 * 160 + 160 * 161, stage.get("trained_parameters").intValue());
    assertEquals(3, stage.get("tokens").intValue());
    long sum = 0;
    for (JsonNode item : stage.get("memory_bytes")) {
      sum += item.longValue();
    }
    long total = stage.get("memory_bytes").get("total").longValue();
    assertEquals(2 * total, sum);
    assertEquals(total, plan.get("memory_bytes").longValue());
    assertFalse(Files.exists(folder.resolve("out")), "nothing is written");
    assertTrue(Run.of("info", "--plan", config).out().contains("\n    masters: "));
    assertTrue(
        Run.refusal(2, "info", "--plan", config, "--model", folder).startsWith("--plan: given"));
    assertTrue(Run.refusal(1, "info", "--plan", folder.resolve("no.yaml")).contains("no.yaml"));
  }

  @Test
  void benchHasTheKeysOfTheContractInTheirOrder() throws IOException {
    Path model = Run.golden("tiny-bf16-head80");
    JsonNode bench =
        Run.json("bench", "--model", model, "--prompt", 8, "--decode", 4, "--threads", 1, "--json");
    assertEquals(
        List.of(
            "shape",
            "dtype",
            "threads",
            "parameters",
            "decode_bytes_per_token",
            "prompt_flops_per_token",
            "peak_rss_bytes",
            "load_ms",
            "prompt_tokens",
            "prompt_tokens_per_s",
            "decode_tokens_per_s",
            "fma_peak_gflops",
            "read_gb_per_s",
            "prompt_products"),
        GenerateCommandTest.names(bench));
    assertEquals("plain", bench.get("prompt_products").textValue());
    assertEquals("bf16", bench.get("dtype").textValue());
    assertEquals(1, bench.get("threads").intValue());
    assertTrue(bench.get("decode_tokens_per_s").doubleValue() > 0);
  }

  @Test
  void aBenchThatCannotRunIsRefused() {
    assertTrue(Run.refusal(2, "bench").contains("--shape"));
    assertTrue(Run.refusal(2, "bench", "--shape", "gpt-5").startsWith("--shape: gpt-5"));
    assertTrue(Run.refusal(2, "bench", "--shape", "phi-2", "--prompt", 0).contains("--prompt"));
    assertTrue(
        Run.refusal(2, "bench", "--shape", "phi-2", "--prompt-products", "fast")
            .startsWith("--prompt-products: fast, needed plain or strassen"));
    assertTrue(
        Run.refusal(1, "bench", "--shape", "phi-2", "--prompt", 2048, "--decode", 1)
            .contains("the context holds 2048"));
    assertTrue(Run.refusal(2, "bench", "--shape", "phi-2", "--dtype", "f64").startsWith("--dtype"));
  }
}
