package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class TrainingConfigTest {
  private static String refusal(Executable executable) {
    return assertThrows(IllegalArgumentException.class, executable).getMessage();
  }

  @Test
  void defaultsAreTheDocumentedOnes() {
    OptimizerConfig optimizer = TrainingConfig.defaults(2e-4).optimizer();
    assertEquals(LearningRateSchedule.Kind.COSINE, optimizer.lrScheduler());
    assertEquals(10, optimizer.warmupSteps());
    assertEquals(0, optimizer.cosineMinLrRatio());
    assertEquals(0.95, optimizer.adamBeta2());
    assertEquals(1e-5, optimizer.adamEpsilon());
    assertEquals(0, optimizer.weightDecay());
    assertEquals(1, optimizer.maxGradNorm());
  }

  @Test
  void wrongSettingsAreNamedByTheirKeys() {
    TrainingConfig config = TrainingConfig.defaults(1);
    assertEquals(
        "learning_rate: 0.0, needed more than 0", refusal(() -> TrainingConfig.defaults(0)));
    assertEquals("sequence_len: 1, needed 2 or more", refusal(() -> config.withSequences(1, true)));
    assertTrue(refusal(() -> config.withBatch(0, 1)).startsWith("micro_batch_size: 0"));
    assertTrue(refusal(() -> config.withResidDropout(1)).startsWith("resid_dropout: 1.0"));
    assertTrue(
        refusal(() -> config.optimizer().withWeightDecay(0.1, List.of("lm_head[3:]")))
            .startsWith("no_decay: \"lm_head[3:]\""));
  }

  @Test
  void aStageHasConvergedWhenItsLaterWindowIsHardlyLower() {
    EarlyStop stop = new EarlyStop(2, 0.1);
    assertFalse(stop.reached(new double[] {3, 2, 1}), "two windows are needed");
    assertFalse(stop.reached(new double[] {3, 2, 1, 1}));
    assertTrue(stop.reached(new double[] {9, 1, 1, 1, 0.9}));
    assertTrue(stop.reached(new double[] {1, 1, 2, 2}), "rising is no progress");
    assertFalse(EarlyStop.OFF.reached(new double[] {1, 1, 1, 1}));
    assertThrows(IllegalArgumentException.class, () -> new EarlyStop(-1, 0));
  }
}
