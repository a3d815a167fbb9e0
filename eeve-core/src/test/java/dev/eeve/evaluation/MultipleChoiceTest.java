package dev.eeve.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.evaluation.MultipleChoice.Task;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MultipleChoiceTest {
  /** Ids: a 0, b 1, c 2, space 3, x 4, "Ġx" 5. */
  private static Tokenizer tokenizer() throws IOException {
    String level = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true}";
    String json =
        "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"
            + "\"normalizer\":null,\"pre_tokenizer\":"
            + level
            + ",\"post_processor\":null,\"decoder\":"
            + level
            + ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"Ġ\":3,\"x\":4,"
            + "\"Ġx\":5},\"merges\":[\"Ġ x\"]}}";
    return Tokenizer.parse("t.json", json.getBytes(StandardCharsets.UTF_8));
  }

  /** Token i has log-probability −i − 1. */
  private static final Function<int[], double[]> BY_ID =
      ids -> {
        double[] scores = new double[ids.length];
        scores[0] = Double.NaN;
        for (int i = 1; i < ids.length; i++) {
          scores[i] = -ids[i] - 1;
        }
        return scores;
      };

  private static MultipleChoice.Result evaluate(Task... tasks) throws IOException {
    return MultipleChoice.evaluate(List.of(tasks), tokenizer(), OptionalInt.of(2), 8, BY_ID);
  }

  @Test
  void theLikeliestChoiceIsTakenAndLengthIsNormalisedInCharacters() throws IOException {
    // bb scores −4, c −3; by length −2 and −3.
    MultipleChoice.Result result = evaluate(new Task("a", List.of("bb", "c"), 1));
    assertEquals(1, result.acc());
    assertEquals(0, result.accNorm());
    result = evaluate(new Task("a", List.of("bb", "c"), 0));
    assertEquals(0, result.acc());
    assertEquals(1, result.accNorm());
  }

  @Test
  void spaceAtTheContextsEndBelongsToTheChoice() throws IOException {
    // "a" + " x" is Ġx alone: −6; "a" + " b" is Ġ, b: −6; "a " + "a" is Ġ, a: −5.
    assertEquals(1, evaluate(new Task("a ", List.of("x", "a"), 1)).acc());
    assertEquals(1, evaluate(new Task("a", List.of(" x", " b"), 0)).acc(), "a tie: the first");
  }

  @Test
  void anEmptyContextStandsForTheStartTokenAndLongOnesAreCut() throws IOException {
    assertEquals(1, evaluate(new Task("", List.of("a", "b"), 0)).acc());
    assertEquals(1, evaluate(new Task("ccccccccccccccc", List.of("b", "c"), 0)).acc());
    assertThrows(
        IllegalArgumentException.class, () -> evaluate(new Task("a", List.of("", "b"), 0)));
    assertThrows(
        IllegalArgumentException.class,
        () -> evaluate(new Task("a", List.of("bbbbbbbbb", "b"), 0)));
  }

  @Test
  void macroF1IsTheMeanOverTheIndices() {
    // index 0: 2 hits of 3 + 2 → 4/5; index 1: 1 hit of 1 + 2 → 2/3.
    assertEquals(
        (0.8 + 2 / 3.0) / 2,
        MultipleChoice.macroF1(new int[] {0, 0, 0, 1}, new int[] {0, 0, 1, 1}),
        1e-12);
  }

  @Test
  void tasksAreReadAndBrokenLinesNamed(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("t.jsonl");
    Files.writeString(file, "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":1}\n");
    assertEquals(List.of(new Task("a", List.of("b", "c"), 1)), MultipleChoice.read(file));
    Files.writeString(file, "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":2}\n");
    String message = assertThrows(IOException.class, () -> MultipleChoice.read(file)).getMessage();
    assertTrue(message.startsWith(file + ": line 1: gold: 2 of 2"), message);
    Files.writeString(file, "{\"context\":\"a\"}\n");
    assertTrue(
        assertThrows(IOException.class, () -> MultipleChoice.read(file))
            .getMessage()
            .startsWith(file + ": line 1: needed"));
  }
}
