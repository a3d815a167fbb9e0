package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.kernels.Simd;
import java.io.IOException;
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
    Run text = Run.of("info", "--model", model);
    assertTrue(text.out().contains("kernels: " + Simd.describe() + "\n"), text.out());
    assertTrue(text.out().contains("\n  key_value_cache: "), text.out());
    assertTrue(Run.refusal(2, "info", "--plan", "x").contains("not there yet"));
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
            "read_gb_per_s"),
        GenerateCommandTest.names(bench));
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
        Run.refusal(1, "bench", "--shape", "phi-2", "--prompt", 2048, "--decode", 1)
            .contains("the context holds 2048"));
    assertTrue(
        Run.refusal(2, "bench", "--shape", "phi-2", "--dtype", "q8_0").contains("not there"));
  }
}
