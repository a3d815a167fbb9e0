package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.tokenizer.ByteLevel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExpandCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private Path base;
  private Path corpus;

  private String run(int expected, String... args) {
    out.reset();
    err.reset();
    int code =
        Main.run(
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            args);
    assertEquals(expected, code, err.toString(StandardCharsets.UTF_8));
    return out.toString(StandardCharsets.UTF_8);
  }

  /** The tests' tiny model, with a tokenizer of the 256 bytes. */
  @BeforeEach
  void files() throws IOException {
    Path root = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(root.resolve(".ci"))) {
      root = root.getParent();
    }
    base = Files.createDirectory(folder.resolve("base"));
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(
          root.resolve("eeve-core/src/test/resources/golden/tiny-f32").resolve(name),
          base.resolve(name));
    }
    ObjectNode tokenizer = JSON.createObjectNode();
    tokenizer.putArray("added_tokens");
    ObjectNode byteLevel = JSON.createObjectNode().put("type", "ByteLevel");
    byteLevel.put("add_prefix_space", false).put("trim_offsets", true);
    tokenizer.set("pre_tokenizer", byteLevel);
    tokenizer.set("decoder", byteLevel);
    ObjectNode model = tokenizer.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab");
    for (int b = 0; b < 256; b++) {
      vocabulary.put(String.valueOf(ByteLevel.character(b)), b);
    }
    model.putArray("merges");
    Files.write(base.resolve("tokenizer.json"), JSON.writeValueAsBytes(tokenizer));
    corpus = folder.resolve("corpus.txt");
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 2000; i++) {
      text.append("영화 ").append(i).append("번 봤다, 정말 좋은 영화\n");
    }
    Files.writeString(corpus, text);
  }

  @Test
  void expandsCountsAndScoresWithTheWiderModel() throws IOException {
    String wide = folder.resolve("wide").toString();
    JsonNode report =
        JSON.readTree(
            run(
                0,
                "expand",
                "--model",
                base + "",
                "--corpus",
                corpus + "",
                "--output",
                wide,
                "--min-count",
                "5",
                "--json"));
    assertTrue(report.get("fixpoint").booleanValue());
    assertEquals(256, report.get("number_of_old_tokens").intValue());
    assertEquals(report, JSON.readTree(Files.readAllBytes(folder.resolve("wide/expansion.json"))));
    JsonNode ids = JSON.readTree(run(0, "tokenize", "--model", wide, "--text", " 영화"));
    assertEquals(1, ids.size());
    JsonNode score = JSON.readTree(run(0, "score", "--model", wide, "--text", " 정말 영화", "--json"));
    assertEquals(2, score.get("tokens").size());

    String counts = folder.resolve("c.counts").toString();
    run(0, "expand", "--model", base + "", "--corpus", corpus + "", "--counts-only", counts);
    String again = folder.resolve("again").toString();
    run(
        0,
        "expand",
        "--model",
        base + "",
        "--counts",
        counts,
        "--output",
        again,
        "--min-count",
        "5");
    assertEquals(
        -1,
        Files.mismatch(
            folder.resolve("wide/model.safetensors"), folder.resolve("again/model.safetensors")));
    assertFalse(err.toString(StandardCharsets.UTF_8).contains("[="), "no progress off a terminal");
  }

  @Test
  void wrongUsageIsTwoAndABadCorpusIsOneAndLeavesNoFolder() throws IOException {
    String output = folder.resolve("wide").toString();
    run(2, "expand", "--model", base + "", "--corpus", corpus + "");
    run(2, "expand", "--model", base + "", "--output", output);
    run(2, "expand", "--model", base + "", "--corpus", corpus + "", "--output", base + "");
    run(
        2,
        "expand",
        "--model",
        base + "",
        "--corpus",
        corpus + "",
        "--output",
        output,
        "--merges",
        "none");
    Files.write(corpus, new byte[] {'a', '\n', (byte) 0xFF, '\n'});
    run(1, "expand", "--model", base + "", "--corpus", corpus + "", "--output", output);
    String message = err.toString(StandardCharsets.UTF_8);
    assertTrue(message.startsWith("eeve: " + corpus + ": line 2: not UTF-8"), message);
    assertFalse(Files.exists(folder.resolve("wide")));
  }
}
