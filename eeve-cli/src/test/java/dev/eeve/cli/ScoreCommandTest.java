package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoreCommandTest {
  @TempDir private Path folder;
  private Path model;

  @BeforeEach
  void makeModel() throws IOException {
    model = TestModel.in(folder);
  }

  @Test
  void everyTokenOfATextCountsAfterAStartToken() throws IOException {
    JsonNode text = Run.json("score", "--model", model, "--text", "한국 x", "--json");
    assertEquals(
        List.of("tokens", "logprobs", "nll", "perplexity", "bits_per_byte"),
        GenerateCommandTest.names(text));
    assertEquals(TestModel.ids("한국 x"), Run.join(text.get("tokens")));
    String withStart = "0," + TestModel.ids("한국 x");
    JsonNode ids = Run.json("score", "--model", model, "--tokens", withStart, "--json");
    double nats = 0;
    for (int i = 0; i < 8; i++) {
      assertEquals(ids.get("logprobs").get(i + 1), text.get("logprobs").get(i));
      nats -= text.get("logprobs").get(i).doubleValue();
    }
    assertEquals(8, text.get("logprobs").size());
    assertEquals(nats / 8, text.get("nll").doubleValue(), 1e-12);
    assertEquals(Math.exp(nats / 8), text.get("perplexity").doubleValue(), 1e-6);
    assertEquals(nats / Math.log(2) / 8, text.get("bits_per_byte").doubleValue(), 1e-12);
    assertTrue(ids.get("logprobs").get(0).isNull());
    assertTrue(ids.get("bits_per_byte").isNull());
    assertEquals(text.get("nll"), ids.get("nll"));
  }

  @Test
  void aFileIsADocumentALineAndAnEmptyLineIsOne() throws IOException {
    Path file = Files.writeString(folder.resolve("f.txt"), "가나\n\nb\r\nc\u2028d");
    JsonNode all = Run.json("score", "--model", model, "--file", file, "--json");
    assertEquals(
        List.of("documents", "tokens", "bytes", "nll", "perplexity", "bits_per_byte"),
        GenerateCommandTest.names(all));
    assertEquals(4, all.get("documents").intValue());
    assertEquals(6 + 2 + 5, all.get("tokens").intValue());
    assertEquals(6 + 2 + 5, all.get("bytes").intValue());
    double nats = 0;
    for (String line : List.of("가나", "b\r", "c\u2028d")) {
      JsonNode one = Run.json("score", "--model", model, "--text", line, "--json");
      nats += one.get("nll").doubleValue() * one.get("tokens").size();
    }
    assertEquals(nats / 13, all.get("nll").doubleValue(), 1e-12);
    Files.writeString(file, "");
    JsonNode none = Run.json("score", "--model", model, "--file", file, "--json");
    assertEquals(0, none.get("documents").intValue());
    assertTrue(none.get("nll").isNull());
    Files.writeString(file, "a\n");
    assertEquals(
        1,
        Run.json("score", "--model", model, "--file", file, "--json").get("documents").intValue());
  }

  @Test
  void aDocumentLongerThanTheContextIsScoredWhole() throws IOException {
    String text = "가나다라 ".repeat(30);
    Path file = Files.writeString(folder.resolve("f.txt"), text);
    JsonNode all = Run.json("score", "--model", model, "--file", file, "--json");
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    assertEquals(bytes, all.get("tokens").intValue());
    JsonNode one = Run.json("score", "--model", model, "--text", text, "--json");
    assertEquals(bytes, one.get("logprobs").size());
    assertEquals(one.get("nll"), all.get("nll"));
  }

  @Test
  void theTextFormSaysTheSame() throws IOException {
    Run run = Run.of("score", "--model", model, "--text", "ab");
    assertEquals(0, run.code(), run.err());
    assertEquals("tokens [98,99]", run.out().lines().findFirst().orElseThrow());
    JsonNode json = Run.json("score", "--model", model, "--text", "ab", "--json");
    String nll = String.format(java.util.Locale.ROOT, "nll %.6f", json.get("nll").doubleValue());
    assertTrue(run.out().lines().anyMatch(nll::equals), run.out());
  }

  @Test
  void logitsAppearWholeOrNotAtAll() throws IOException {
    Path out = folder.resolve("logits.safetensors");
    Run.json("score", "--model", model, "--tokens", "1,2,3", "--logits", out, "--json");
    byte[] first = Files.readAllBytes(out);
    String header = new String(first, 8, 100, StandardCharsets.UTF_8);
    assertTrue(header.contains("\"logits\":{\"dtype\":\"F32\",\"shape\":[3,320]"), header);
    String tooLong = "1" + ",1".repeat(128);
    String message =
        Run.refusal(1, "score", "--model", model, "--tokens", tooLong, "--logits", out);
    assertEquals("--tokens: 129, needed 1 to 128 for logits; shorten the text", message);
    assertArrayEquals(first, Files.readAllBytes(out));
    for (Path bad : List.of(folder, folder.resolve("no/such.safetensors"))) {
      String refused =
          Run.refusal(1, "score", "--model", model, "--tokens", "1,2", "--logits", bad);
      assertTrue(refused.startsWith(bad + ": "), refused);
    }
    assertTrue(
        Run.refusal(2, "score", "--model", model, "--file", "f", "--logits", out)
            .startsWith("--logits"));
    try (var files = Files.list(folder)) {
      assertFalse(files.anyMatch(file -> file.toString().endsWith(".partial")));
    }
  }

  @Test
  void whatCannotBeScoredIsNamed() throws IOException {
    String bare = Run.golden("tiny-f32").toString();
    assertTrue(Run.refusal(1, "score", "--model", bare, "--text", "x").startsWith("--text: "));
    assertEquals(
        "--tokens: id 320 at 2, needed 0 to 319",
        Run.refusal(1, "score", "--model", bare, "--tokens", "1,2,320"));
    Path file = folder.resolve("bad.txt");
    Files.write(file, new byte[] {'a', '\n', (byte) 0xFF, '\n'});
    assertTrue(
        Run.refusal(1, "score", "--model", model, "--file", file)
            .startsWith(file + ": line 2: not UTF-8"));
    assertTrue(
        Run.refusal(1, "score", "--model", model, "--file", folder).startsWith(folder + ": a"));
    assertTrue(
        Arrays.asList("--text", "--file", "--tokens").stream()
            .anyMatch(Run.refusal(2, "score", "--model", model)::contains));
  }
}
