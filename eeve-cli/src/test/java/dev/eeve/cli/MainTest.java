package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  private static final Path GOLDEN = root().resolve("eeve-core/src/test/resources/golden");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private static Path root() {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(here.resolve(".ci"))) {
      here = here.getParent();
    }
    return here;
  }

  private int run(String... args) {
    out.reset();
    err.reset();
    return Main.run(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        args);
  }

  private static String join(JsonNode ids) {
    return ids.toString().replaceAll("[\\[\\]]", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-f32", "tiny-f16-sharded", "tiny-bf16-head80"})
  void greedyTokensAndScoresAreTheReferences(String model) throws IOException {
    ObjectMapper json = new ObjectMapper();
    Path folder = GOLDEN.resolve(model);
    JsonNode golden = json.readTree(folder.resolve("golden.json").toFile());
    String prompt = join(golden.get("prompt_ids"));
    assertEquals(
        0,
        run(
            "generate",
            "--model",
            folder.toString(),
            "--prompt-tokens",
            prompt,
            "--max-new-tokens",
            "24",
            "--ignore-eos",
            "--json"),
        err.toString());
    JsonNode generated = json.readTree(out.toByteArray());
    assertEquals(golden.get("greedy_ids"), generated.get("tokens"));
    assertEquals("length", generated.get("finish_reason").textValue());
    JsonNode ids = golden.get("input_ids").get(1);
    assertEquals(
        0,
        run("score", "--model", folder.toString(), "--tokens", join(ids), "--json"),
        err.toString());
    JsonNode scored = json.readTree(out.toByteArray());
    assertTrue(scored.get("logprobs").get(0).isNull());
    for (int i = 1; i < ids.size(); i++) {
      assertEquals(
          golden.get("token_logprobs").get(1).get(i - 1).doubleValue(),
          scored.get("logprobs").get(i).doubleValue(),
          1e-3);
    }
  }

  @Test
  void wrongUsageIsTwoAndOtherFailuresAreOneEachInOneLine() {
    assertEquals(2, run("generate", "--prompt", "x"));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertEquals(2, run("generate", "--model", "m", "--prompt", "x", "--frobnicate"));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertEquals(1, run("generate", "--model", "no-such-folder", "--prompt", "x"));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains("no-such-folder"), err.toString());
    assertEquals("", out.toString());
  }
}
