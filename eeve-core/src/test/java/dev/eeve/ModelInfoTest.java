package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.DType;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Simd;
import dev.eeve.model.MemoryPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelInfoTest {
  @Test
  void theHeadersTellPartsTypesKernelsAndMemory() throws IOException {
    LoadOptions options = LoadOptions.defaults().withThreads(1);
    ModelInfo info = ModelInfo.read(Golden.folder("tiny-f16-sharded"), options);
    assertEquals(
        List.of("embed_tokens", "layernorm", "self_attn", "mlp", "lm_head"),
        List.copyOf(info.parametersByPart().keySet()));
    long sum = info.parametersByPart().values().stream().mapToLong(Long::longValue).sum();
    assertEquals(info.config().parameterCount(), sum);
    assertEquals(List.of(DType.F16), List.copyOf(info.bytesByDtype().keySet()));
    assertEquals(2 * sum, info.bytesByDtype().get(DType.F16));
    assertEquals(ElementType.F16, info.dtype());
    assertTrue(info.tokens().isEmpty());
    assertEquals(Simd.describe(), info.kernels());
    MemoryPlan f32 =
        ModelInfo.read(Golden.folder("tiny-f16-sharded"), options.withDtype(ElementType.F32))
            .memory();
    assertTrue(f32.bytes() > info.memory().bytes());
  }

  @Test
  void loadingTellsHowFarItHasComeUpToAllBytes() throws IOException {
    List<Long> heard = new ArrayList<>();
    List<Long> totals = new ArrayList<>();
    LoadOptions options =
        LoadOptions.defaults()
            .withThreads(3)
            .withListener(
                (done, total) -> {
                  heard.add(done);
                  totals.add(total);
                });
    try (LanguageModel model = LanguageModel.open(Golden.folder("tiny-f32"), options)) {
      long all = model.phi().config().parameterCount() * 4;
      assertEquals(List.of(all), totals.stream().distinct().toList());
      assertEquals(heard.stream().sorted().distinct().toList(), heard);
      assertEquals(all, heard.getLast());
    }
  }

  @Test
  void settingsThatContradictTheConfigAreRefusedByFileAndKey(@TempDir Path folder)
      throws IOException {
    Path golden = Golden.folder("tiny-f32");
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(golden.resolve(name), folder.resolve(name));
    }
    Path file = folder.resolve("generation_config.json");
    for (String json :
        List.of(
            "{\"eos_token_id\": [0, 320]}",
            "{\"bos_token_id\": 999}",
            "{\"do_sample\": \"yes\"}",
            "{\"temperature\": \"hot\", \"do_sample\": true}",
            "{\"top_p\": 2, \"do_sample\": true}",
            "{\"max_new_tokens\": -1}",
            "[]")) {
      Files.writeString(file, json);
      String message =
          assertThrows(IOException.class, () -> LanguageModel.open(folder).close(), json)
              .getMessage();
      assertTrue(message.startsWith(file + ": "), message);
      assertFalse(message.contains("\n"), message);
    }
    String noFolder =
        assertThrows(IOException.class, () -> LanguageModel.open(file).close()).getMessage();
    assertTrue(noFolder.startsWith(file + ": does not begin with \"GGUF\"; needed a"), noFolder);
    Path missing = folder.resolve("missing");
    assertTrue(
        assertThrows(IOException.class, () -> LanguageModel.open(missing).close())
            .getMessage()
            .startsWith(missing + ": no such folder or file"));
  }
}
