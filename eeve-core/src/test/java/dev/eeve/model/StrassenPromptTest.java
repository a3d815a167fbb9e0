package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.WorkerPool;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sessions whose prompts go by Strassen's products, from the first row on. */
@Tag("kernels")
class StrassenPromptTest {
  private static final int TOKENS = 70;
  private static final Blocking PLAIN = Blocking.defaults();
  private static final Blocking STRASSEN = new Blocking(256, 64, 1280, 4096, 1);
  private static final int[] IDS = new SplittableRandom(3).ints(TOKENS, 0, 512).toArray();

  private static float[] logits(PhiModel model, WorkerPool pool, Blocking blocking) {
    int vocabulary = model.config().vocabSize();
    float[] all = new float[TOKENS * vocabulary];
    int[] row = {0};
    try (Session session = new Session(model, pool, blocking, TOKENS)) {
      session.appendForLogits(
          IDS,
          0,
          TOKENS,
          rows -> {
            int size = rows.rows() * vocabulary;
            System.arraycopy(rows.data(), rows.index(0), all, row[0] * vocabulary, size);
            row[0] += rows.rows();
          });
    }
    return all;
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void logitsStayCloseToThePlainOnesAtAnyNumberOfThreads(ElementType type) {
    try (PhiModel model = PhiModel.random(PhiConfigs.small(), type, 5, 2);
        WorkerPool one = new WorkerPool(1)) {
      float[] plain = logits(model, one, PLAIN);
      float[] expected = logits(model, one, STRASSEN);
      float largest = 0;
      for (float value : plain) {
        largest = Math.max(largest, Math.abs(value));
      }
      assertArrayEquals(plain, expected, 2e-5f * largest);
      assertFalse(Arrays.equals(plain, expected), "seven products round otherwise");
      for (int threads : new int[] {2, 3, 8}) {
        try (WorkerPool pool = new WorkerPool(threads)) {
          assertArrayEquals(expected, logits(model, pool, STRASSEN));
        }
      }
    }
  }

  @Test
  void draftsHaveTheBitsOfSingleStepsAfterAnyPrompt() {
    try (PhiModel model = PhiModel.random(PhiConfigs.small(), ElementType.BF16, 5, 2);
        WorkerPool pool = new WorkerPool(2);
        Session drafts = new Session(model, pool, STRASSEN, TOKENS);
        Session steps = new Session(model, pool, STRASSEN, TOKENS)) {
      drafts.append(IDS, 0, 50);
      steps.append(IDS, 0, 50);
      FloatMatrix rows = drafts.appendForLogits(IDS, 50, 66);
      for (int t = 50; t < 66; t++) {
        steps.append(IDS, t, t + 1);
        float[] row = Arrays.copyOfRange(rows.data(), rows.index(t - 50), rows.index(t - 50) + 512);
        assertArrayEquals(steps.logits(), row, "token " + t);
      }
    }
  }

  @Test
  void thePlanKnowsItsBuffers() {
    PhiConfig config = PhiConfig.eeve2_8b();
    long plain = scratch(config, new Blocking(512, 64, 1280, 4096));
    long strassen = scratch(config, Blocking.strassen());
    long packed = 4L * 7 * 22 * 12 * 1280;
    assertTrue(strassen - plain >= packed, strassen + ", plain " + plain);
    assertEquals(plain, scratch(config, new Blocking(512, 64, 1280, 4096, 513)));
  }

  private static long scratch(PhiConfig config, Blocking blocking) {
    return MemoryPlan.forGeneration(config, ElementType.BF16, 1024, blocking, 2).items().stream()
        .filter(item -> item.name().equals("scratch"))
        .mapToLong(MemoryPlan.Item::bytes)
        .sum();
  }
}
