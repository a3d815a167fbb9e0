package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuantizeCommandTest {
  @TempDir Path folder;
  private Path model;
  private Path file;

  @BeforeEach
  void makeAModel() throws IOException {
    model = TestModel.in(Files.createDirectory(folder.resolve("model")));
    file = folder.resolve("x.gguf");
  }

  private JsonNode quantize(String type, Object... more) throws IOException {
    Object[] args = new Object[8 + more.length];
    Object[] plain = {"quantize", "--model", model, "--type", type, "--output", file, "--json"};
    System.arraycopy(plain, 0, args, 0, plain.length);
    System.arraycopy(more, 0, args, plain.length, more.length);
    return Run.json(args);
  }

  @Test
  void everyCommandTakesTheFile() throws IOException {
    for (String type : new String[] {"bf16", "f16", "q4_0", "q8_0"}) {
      JsonNode result = quantize(type);
      assertEquals(Files.size(file), result.get("bytes").asLong());
      JsonNode info = Run.json("info", "--model", file, "--json");
      assertEquals(257, info.get("tokens").asInt());
      assertTrue(info.get("file_bytes_by_dtype").has(type), info.toString());
      assertEquals(type, info.get("dtype").asText());
    }
    Run tokens = Run.of("tokenize", "--model", file, "--text", "가");
    assertEquals(Run.of("tokenize", "--model", model, "--text", "가").out(), tokens.out());
    String[] generate = {"generate", "--prompt", "ab", "--ignore-eos", "--json", "--model"};
    for (String dtype : new String[] {"auto", "f32", "bf16"}) {
      Object[] args = new Object[generate.length + 3];
      System.arraycopy(generate, 0, args, 0, generate.length);
      args[generate.length] = file;
      args[generate.length + 1] = "--dtype";
      args[generate.length + 2] = dtype;
      assertEquals(126, Run.json(args).get("tokens").size());
    }
    JsonNode before = Run.json("score", "--model", model, "--text", "한국", "--json");
    JsonNode after = Run.json("score", "--model", file, "--text", "한국", "--json");
    assertEquals(before.get("tokens"), after.get("tokens"));
    assertEquals(before.get("nll").asDouble(), after.get("nll").asDouble(), 0.1);
    Path tasks = folder.resolve("tasks.jsonl");
    Files.writeString(tasks, "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":0}\n");
    assertEquals(
        1, Run.json("eval", "--model", file, "--tasks", tasks, "--json").get("tasks").asInt());
  }

  @Test
  void embeddingAndHeadMayKeepMoreBits() throws IOException {
    JsonNode report =
        quantize(
            "q4_0",
            "--token-embedding-type",
            "f16",
            "--output-tensor-type",
            "q8_0",
            "--report",
            "--report-tokens",
            "1,2,3");
    JsonNode ratios = report.get("signal_to_noise_db");
    assertTrue(ratios.get("embed_tokens").asDouble() > 60, ratios.toString());
    assertTrue(ratios.get("layers.0").asDouble() < 30, ratios.toString());
    assertTrue(ratios.get("lm_head").asDouble() > 40, ratios.toString());
    JsonNode info = Run.json("info", "--model", file, "--json");
    for (String dtype : new String[] {"f32", "f16", "q8_0", "q4_0"}) {
      assertTrue(info.get("file_bytes_by_dtype").has(dtype), info.toString());
    }
    assertEquals("q4_0", info.get("dtype").asText());
    String[] start = {"quantize", "--model", model.toString(), "--output", file.toString()};
    assertTrue(
        refused(2, start, "--type", "q4_0", "--output-tensor-type", "q6_k")
            .startsWith("--output-tensor-type: q6_k, needed q8_0, q4_0, f16 or bf16"));
    assertTrue(
        refused(2, start, "--type", "nf4", "--token-embedding-type", "f16")
            .startsWith("--token-embedding-type"));
  }

  @Test
  void nf4IsAFolderThatIsReadAgain() throws IOException {
    Path nf4 = file.resolveSibling("nf4");
    Run run = Run.of("quantize", "--model", model, "--type", "nf4", "--output", nf4);
    assertEquals(0, run.code(), run.err());
    assertEquals(nf4 + "\n", run.out());
    assertEquals(
        4,
        Run.json(
                "generate",
                "--model",
                nf4,
                "--prompt",
                "ab",
                "--max-new-tokens",
                "4",
                "--ignore-eos",
                "--json")
            .get("tokens")
            .size());
    assertEquals(0, Run.of("quantize", "--model", model, "--output", file, "--type", "f16").code());
    String message = Run.refusal(1, "quantize", "--model", file, "--type", "nf4", "--output", nf4);
    assertTrue(message.startsWith("--model: " + file + " is a file"), message);
    message =
        Run.refusal(2, "quantize", "--model", model, "--type", "nf4", "--output", nf4, "--report");
    assertTrue(message.startsWith("--report: "), message);
  }

  @Test
  void theReportSaysWhatIsLost() throws IOException {
    JsonNode report = quantize("q8_0", "--report");
    assertEquals(4, report.get("signal_to_noise_db").size());
    assertTrue(report.get("signal_to_noise_db").get("layers.0").asDouble() > 40);
    JsonNode change = report.get("log_probabilities");
    assertTrue(change.get("tokens").asInt() > 400, "the tool's own text");
    assertTrue(change.get("mean_change").asDouble() < 0.03, change.toString());
    change = quantize("q4_0", "--report", "--report-tokens", "1,2,3").get("log_probabilities");
    assertEquals(2, change.get("tokens").asInt());
    Path text = Files.writeString(folder.resolve("t.txt"), "hello");
    change = quantize("f16", "--report", "--report-file", text).get("log_probabilities");
    assertEquals(4, change.get("tokens").asInt());
    Path again = folder.resolve("y.gguf");
    Run run = Run.of("quantize", "--model", file, "--type", "f16", "--output", again, "--report");
    assertTrue(run.out().contains("lm_head: nothing lost\n"), run.out() + run.err());
    assertTrue(run.out().contains("worst_change: 0.00000\n"), run.out());
  }

  @Test
  void whatCannotBeDoneIsNamed() {
    String[] start = {"quantize", "--model", model.toString(), "--output", file.toString()};
    assertTrue(refused(2, start, "--type", "q5_0").startsWith("--type: q5_0, needed q8_0, q4_0"));
    assertTrue(
        refused(2, start, "--type", "f16", "--report-tokens", "1").contains("go with --report"));
    assertTrue(
        refused(1, start, "--type", "f16", "--report", "--report-tokens", "1")
            .startsWith("--report-tokens: 1, needed at least 2"));
    String[] same = {"quantize", "--model", file.toString(), "--output", file.toString()};
    assertEquals(0, Run.of("quantize", "--model", model, "--output", file, "--type", "f16").code());
    assertTrue(refused(1, same, "--type", "f16").startsWith("--output: " + file + " is the model"));
    Path part = model.resolve("config.json");
    assertTrue(
        Run.refusal(1, "quantize", "--model", model, "--output", part, "--type", "f16")
            .startsWith("--output: " + part + " is a file of the model"));
    String expand =
        Run.refusal(2, "expand", "--model", "x.gguf", "--corpus", "c", "--output", folder);
    assertTrue(expand.startsWith("--model: x.gguf: expanding writes a model folder"), expand);
  }

  private static String refused(int code, String[] start, String... more) {
    Object[] args = new Object[start.length + more.length];
    System.arraycopy(start, 0, args, 0, start.length);
    System.arraycopy(more, 0, args, start.length, more.length);
    return Run.refusal(code, args);
  }
}
