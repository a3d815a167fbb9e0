package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every command that reads a model works without one, on the model that ships with the tool. */
class DefaultModelTest {
  private static final String PROMPT = "오늘 본 영화는";

  @TempDir private Path folder;

  @Test
  void theReadmesFirstCommandWritesKorean() {
    Run run = Run.of("generate", "--prompt", PROMPT);
    assertEquals(0, run.code(), run.err());
    assertEquals("", run.err());
    long syllables = run.out().codePoints().filter(c -> c >= 0xAC00 && c <= 0xD7A3).count();
    assertTrue(syllables >= 20, run.out());
    assertTrue(Stream.of(run.out().strip().split("\\s+")).distinct().count() >= 6, run.out());
    assertFalse(run.out().contains("\uFFFD"), run.out());
    assertEquals(run, Run.of("generate", "--prompt", PROMPT, "--threads", 1));
  }

  @Test
  void scoresTokenizesAndInforms() throws IOException {
    JsonNode score = Run.json("score", "--text", "정말 재미있는 영화였다", "--json");
    assertTrue(score.get("bits_per_byte").doubleValue() < 1.9, score::toString);
    JsonNode ids = Run.json("tokenize", "--text", "정말 재미있는 영화였다");
    assertEquals(score.get("tokens"), ids);
    Run text = Run.of("tokenize", "--decode", Run.join(score.get("tokens")));
    assertEquals("정말 재미있는 영화였다\n", text.out());
    assertTrue(
        Run.refusal(1, "tokenize", "--decode", "999999").contains("the model that ships with"));
    JsonNode info = Run.json("info", "--json");
    assertTrue(info.toString().contains("8128"), info::toString);
  }

  @Test
  void evaluatesAndQuantizes() throws IOException {
    Path tasks =
        Files.writeString(
            folder.resolve("tasks.jsonl"),
            "{\"context\":\"정말\",\"choices\":[\" 재미있다\",\" 뷁쉛뚫\"],\"gold\":0}\n");
    assertEquals(1, Run.json("eval", "--tasks", tasks, "--json").get("acc").intValue());
    Path file = folder.resolve("q4.gguf");
    JsonNode made = Run.json("quantize", "--type", "q4_0", "--output", file, "--json");
    assertEquals(Files.size(file), made.get("bytes").longValue());
    assertEquals(0, Run.of("generate", "--model", file, "--prompt", PROMPT).code());
  }
}
