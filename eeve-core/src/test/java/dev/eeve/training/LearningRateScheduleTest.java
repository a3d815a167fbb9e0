package dev.eeve.training;

import static dev.eeve.training.LearningRateSchedule.Kind.CONSTANT;
import static dev.eeve.training.LearningRateSchedule.Kind.COSINE;
import static dev.eeve.training.LearningRateSchedule.Kind.LINEAR;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {
  @Test
  void theWarmUpRisesToThePeakWithoutALostUpdate() {
    for (LearningRateSchedule.Kind kind : LearningRateSchedule.Kind.values()) {
      LearningRateSchedule schedule = new LearningRateSchedule(kind, 2e-4, 10, 110, 0);
      for (int step = 1; step <= 10; step++) {
        assertEquals(2e-4 * step / 10, schedule.at(step), 1e-18);
      }
      assertEquals(2e-4, schedule.at(11), 1e-18, "the first update after it has the peak");
    }
  }

  @Test
  void eachCourseHasItsKnownPoints() {
    LearningRateSchedule cosine = new LearningRateSchedule(COSINE, 1, 10, 110, 0);
    assertEquals(0.5, cosine.at(61), 1e-15);
    assertEquals((1 + Math.sqrt(0.5)) / 2, cosine.at(36), 1e-15);
    assertEquals(0, cosine.at(111), 1e-15);
    assertTrue(cosine.at(110) > 0);
    LearningRateSchedule linear = new LearningRateSchedule(LINEAR, 1, 0, 4, 0);
    assertEquals(1, linear.at(1));
    assertEquals(0.75, linear.at(2));
    assertEquals(0.25, linear.at(4));
    LearningRateSchedule constant = new LearningRateSchedule(CONSTANT, 3, 0, 4, 0.1);
    assertEquals(3, constant.at(1));
    assertEquals(3, constant.at(4));
  }

  @Test
  void theMinimumRatioIsWhatIsLeft() {
    LearningRateSchedule cosine = new LearningRateSchedule(COSINE, 2, 0, 10, 0.1);
    assertEquals(0.2, cosine.at(11), 1e-15);
    assertEquals(0.2 + 1.8 / 2, cosine.at(6), 1e-15);
    assertEquals(0.2, cosine.at(50), 1e-15, "past the end it stays");
  }

  @Test
  void aWarmUpLongerThanTheRunNeverReachesThePeak() {
    LearningRateSchedule schedule = new LearningRateSchedule(COSINE, 1, 10, 4, 0);
    assertEquals(0.4, schedule.at(4));
  }

  @Test
  void wrongSettingsAreNamedAsTheUserWroteThem() {
    assertEquals(
        "cosine_min_lr_ratio: 1.5, needed 0 to 1",
        assertThrows(
                IllegalArgumentException.class,
                () -> new LearningRateSchedule(COSINE, 1, 0, 1, 1.5))
            .getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> new LearningRateSchedule(COSINE, Double.NaN, 0, 1, 0));
    assertThrows(
        IllegalArgumentException.class, () -> new LearningRateSchedule(COSINE, 1, 0, 1, 0).at(0));
  }
}
