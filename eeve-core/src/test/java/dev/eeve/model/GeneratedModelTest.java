package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.eeve.checkpoint.DType;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Simd;
import dev.eeve.kernels.WorkerPool;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A model of phi-2's proportions over a full context. The build runs this class with the vector
 * kernels and with the scalar ones: one constant for both.
 */
@Tag("kernels")
class GeneratedModelTest {
  private static final int TOKENS = 2048;

  /** Bits of 2047 log-probabilities and of the last logits. */
  private static final long BITS = 0x4A31569F9C39FB96L;

  private static final PhiConfig CONFIG =
      new PhiConfig(
          320,
          1280,
          5120,
          2,
          16,
          16,
          0.4,
          10_000,
          1e-5,
          TOKENS,
          0,
          0,
          0,
          0.02,
          OptionalInt.empty(),
          List.of(),
          Optional.of(DType.BF16));

  private static int[] tokens() {
    return new SplittableRandom(11).ints(TOKENS, 0, CONFIG.vocabSize()).toArray();
  }

  private static PhiModel model() {
    return PhiModel.random(CONFIG, ElementType.BF16, 7, 2);
  }

  @Test
  void aFullContextHasTheSameBitsOnTheVectorAndTheScalarKernels() {
    int[] tokens = tokens();
    int[] targets = new int[TOKENS];
    System.arraycopy(tokens, 1, targets, 0, TOKENS - 1);
    long hash = 1;
    try (WorkerPool pool = new WorkerPool(2);
        PhiModel model = model();
        Session session = new Session(model, pool, Blocking.defaults(), TOKENS)) {
      double[] scores = session.appendAndScore(tokens, 0, TOKENS - 1, targets);
      for (double score : scores) {
        hash = hash * 31 + Double.doubleToLongBits(score);
      }
      session.append(tokens, TOKENS - 1, TOKENS);
      for (float logit : session.logits()) {
        hash = hash * 31 + Float.floatToIntBits(logit);
      }
    }
    assertEquals(Long.toHexString(BITS), Long.toHexString(hash), Simd.describe());
  }

  @Test
  void packedBlocksGiveTheBitsOfSingleStepsAcrossTheContext() {
    assumeTrue(Simd.enabled(), "the scalar kernels have no packed path");
    int[] tokens = tokens();
    try (WorkerPool two = new WorkerPool(2);
        WorkerPool three = new WorkerPool(3);
        PhiModel model = model();
        Session steps = new Session(model, two, Blocking.defaults(), TOKENS);
        Session blocks = new Session(model, three, new Blocking(96, 64, 128, 64), TOKENS)) {
      for (int at : new int[] {1, 64, 255, 1023, 2047}) {
        steps.append(tokens, steps.position(), at); // in packed blocks, then one by itself
        steps.append(tokens, at, at + 1);
        blocks.rewind(0);
        blocks.append(tokens, 0, at + 1);
        assertArrayEquals(steps.logits(), blocks.logits(), "position " + at);
      }
    }
  }
}
