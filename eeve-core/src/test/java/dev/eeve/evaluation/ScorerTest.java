package dev.eeve.evaluation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Golden;
import dev.eeve.LanguageModel;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScorerTest {
  private static final int[] TOKENS = new SplittableRandom(5).ints(75, 0, 320).toArray();

  private static double[] score(int capacity, int... tokens) throws IOException {
    try (PhiModel model = PhiModel.open(Golden.folder("tiny-f32"), Optional.empty(), 1);
        WorkerPool pool = new WorkerPool(1);
        Session session = new Session(model, pool, Blocking.defaults(), capacity)) {
      return Scorer.logProbabilities(session, tokens);
    }
  }

  @Test
  void aTextLongerThanTheContextGoesInWindowsWithHalfAContextOfHistory() throws IOException {
    double[] scores = score(20, TOKENS);
    assertTrue(Double.isNaN(scores[0]));
    double[] first = score(20, Arrays.copyOf(TOKENS, 21));
    assertArrayEquals(
        Arrays.copyOfRange(first, 1, 21), Arrays.copyOfRange(scores, 1, 21), "the first window");
    for (int from = 11; from + 10 < TOKENS.length; from += 11) {
      int to = Math.min(from + 21, TOKENS.length);
      double[] window = score(20, Arrays.copyOfRange(TOKENS, from, to));
      assertArrayEquals(
          Arrays.copyOfRange(window, 10, window.length),
          Arrays.copyOfRange(scores, from + 10, to),
          "the window from " + from);
    }
  }

  @Test
  void nothingAndOneTokenHaveNothingToScore() throws IOException {
    assertEquals(0, score(8).length);
    assertTrue(Double.isNaN(score(8, 3)[0]));
    ScoreSum sum = new TextScore(List.of(3), List.of(Double.NaN), 0).sum();
    assertEquals(new ScoreSum(1, 0, 0, 0), sum);
    assertFalse(sum.nll().isPresent());
    assertFalse(sum.perplexity().isPresent());
    assertFalse(sum.bitsPerByte().isPresent());
  }

  @Test
  void sumsAreOverTokensAndBytesOfAllDocuments() {
    ScoreSum sum =
        new TextScore(List.of(1, 2), List.of(-1.0, -2.0), 3)
            .sum()
            .plus(new TextScore(List.of(4), List.of(-6.0), 6).sum());
    assertEquals(new ScoreSum(2, 3, 9, 9), sum);
    assertEquals(3, sum.nll().orElseThrow());
    assertEquals(Math.exp(3), sum.perplexity().orElseThrow(), 1e-12);
    assertEquals(1 / Math.log(2), sum.bitsPerByte().orElseThrow(), 1e-12);
  }

  @Test
  void anUnpairedSurrogateCountsAsTheThreeBytesItIsEncodedAs() {
    assertEquals(0, Scorer.utf8Length(""));
    assertEquals(1 + 2 + 3 + 4, Scorer.utf8Length("aé한😀"));
    assertEquals(3 + 1 + 3, Scorer.utf8Length("\ud800a\udc00"));
  }

  @Test
  void anIdPastTheVocabularyIsNamedBeforeAnyWork() {
    int[] tokens = TOKENS.clone();
    tokens[70] = 320;
    String message =
        assertThrows(IllegalArgumentException.class, () -> score(20, tokens)).getMessage();
    assertEquals("tokens: id 320 at 70, needed 0 to 319", message);
  }

  @Test
  void writtenLogitsAreThoseOfSingleSteps(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("l.safetensors");
    int[] tokens = Arrays.copyOf(TOKENS, 40);
    try (LanguageModel model = LanguageModel.open(Golden.folder("tiny-f32"));
        Session session = model.session(40)) {
      model.writeLogits(tokens, file);
      assertThrows(IllegalArgumentException.class, () -> model.writeLogits(new int[129], file));
      assertThrows(IllegalArgumentException.class, () -> model.writeLogits(new int[0], file));
      try (Safetensors written = Safetensors.open(file)) {
        TensorInfo logits = written.tensors().get(LogitsFile.TENSOR);
        assertEquals(List.of(40L, 320L), logits.shape());
        ByteBuffer bytes = ByteBuffer.allocate(40 * 320 * 4).order(ByteOrder.LITTLE_ENDIAN);
        written.read(logits, 0, bytes);
        bytes.flip();
        for (int t = 0; t < 40; t++) {
          session.append(tokens, t, t + 1);
          float[] row = new float[320];
          bytes.asFloatBuffer().get(t * 320, row);
          assertArrayEquals(session.logits(), row, "token " + t);
        }
      }
    }
    try (var files = Files.list(folder)) {
      assertEquals(1, files.count(), "nothing else is left behind");
    }
  }
}
