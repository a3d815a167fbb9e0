package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @ParameterizedTest
  @ValueSource(strings = {"tiny-f32", "tiny-f16-sharded", "tiny-bf16-head80"})
  void greedyTokensAndScoresAreTheReferences(String model) throws IOException {
    Path folder = Run.golden(model);
    JsonNode golden = Run.read(folder.resolve("golden.json"));
    String prompt = Run.join(golden.get("prompt_ids"));
    JsonNode generated =
        Run.json(
            "generate",
            "--model",
            folder,
            "--prompt-tokens",
            prompt,
            "--max-new-tokens",
            24,
            "--ignore-eos",
            "--json");
    assertEquals(golden.get("greedy_ids"), generated.get("tokens"));
    assertEquals("length", generated.get("finish_reason").textValue());
    JsonNode ids = golden.get("input_ids").get(1);
    JsonNode scored = Run.json("score", "--model", folder, "--tokens", Run.join(ids), "--json");
    assertTrue(scored.get("logprobs").get(0).isNull());
    for (int i = 1; i < ids.size(); i++) {
      assertEquals(
          golden.get("token_logprobs").get(1).get(i - 1).doubleValue(),
          scored.get("logprobs").get(i).doubleValue(),
          1e-3);
    }
  }

  @Test
  void wrongUsageIsTwoInOneLine() {
    assertTrue(Run.refusal(2).contains("a command is missing"));
    assertTrue(Run.refusal(2, "sing").contains("sing"));
    assertTrue(
        Run.refusal(2, "generate", "--model", "m", "--prompt", "x", "--frobnicate")
            .contains("--frobnicate"));
    assertTrue(Run.refusal(2, "generate", "--model", "m").contains("--prompt"));
    assertTrue(
        Run.refusal(2, "generate", "--model", "m", "--prompt", "x", "--prompt-tokens", "1")
            .contains("--prompt"));
    assertTrue(Run.refusal(2, "info", "--model", "m", "--threads", "many").contains("--threads"));
    for (String command : List.of("score --text x", "info", "generate --prompt x")) {
      Object[] args = (command + " --model m --threads 0").split(" ");
      assertEquals("--threads: 0, needed at least 1", Run.refusal(2, args));
    }
  }

  @Test
  void expandingNeedsAModelOfOnesOwn() {
    String message = Run.refusal(2, "expand", "--corpus", "c.txt", "--output", "o");
    assertTrue(message.startsWith("--model: missing"), message);
    assertTrue(message.contains("pass a Hugging Face model folder"), message);
  }

  @Test
  void aModelThatCannotBeReadIsNamed(@TempDir Path folder) throws IOException {
    Path missing = folder.resolve("none");
    Path file = Files.writeString(folder.resolve("file"), "");
    for (String command : List.of("generate --prompt x", "score --text x", "info")) {
      for (Path model : List.of(missing, file, folder)) {
        String message = Run.refusal(1, (Object[]) (command + " --model " + model).split(" "));
        assertTrue(message.startsWith(model.toString()), message);
      }
      String gguf = Run.refusal(1, (Object[]) (command + " --model x.gguf").split(" "));
      assertTrue(gguf.startsWith("x.gguf: no such folder or file"), gguf);
    }
  }

  @Test
  void aWeightThatIsNoNumberIsNamed(@TempDir Path folder) throws IOException {
    Path model = TestModel.in(folder);
    Path weights = model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    for (int i = 1; i <= 4; i++) {
      bytes[bytes.length - i] = (byte) 0x7F; // the last element becomes NaN
    }
    bytes[bytes.length - 2] = (byte) 0xFF;
    Files.write(weights, bytes);
    String message = Run.refusal(1, "generate", "--model", model, "--prompt", "x");
    assertTrue(message.startsWith(weights + ": tensor "), message);
    assertTrue(message.contains("row ") && message.contains("NaN"), message);
  }

  @Test
  void theStackTraceIsForDebugAlone() {
    Run run = Run.of("info", "--model", "no-such-folder", "--debug");
    assertEquals(1, run.code());
    assertTrue(run.err().contains("\tat dev.eeve."), run.err());
    assertTrue(run.err().lines().anyMatch(line -> line.startsWith("eeve: no-such-folder")));
    assertFalse(Run.of("info", "--model", "no-such-folder").err().contains("\tat "));
  }

  @Test
  void helpAndVersionAreResults() {
    Run help = Run.of("generate", "--help");
    assertEquals(0, help.code());
    assertTrue(help.out().contains("--prompt-tokens"), help.out());
    assertEquals("", help.err());
    assertEquals("eeve 0.1.0-SNAPSHOT\n", Run.of("--version").out());
  }
}
