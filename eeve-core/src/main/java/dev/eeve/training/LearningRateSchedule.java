package dev.eeve.training;

/**
 * The learning rate of each update: a linear warm-up to the peak, then the chosen course down to
 * {@code minRatio} of it.
 *
 * <p>Updates count from 1. Update k of w warm-up updates has k / w of the peak, so that none is
 * lost at rate 0; of the n updates after the warm-up, the first has the peak and the one that would
 * follow the last has the minimum: {@code progress = (k − 1 − w) / n}.
 *
 * @param kind the course after the warm-up
 * @param peak the highest rate
 * @param warmupSteps w, updates of the warm-up; 0 for none
 * @param maxSteps all updates, the warm-up's included
 * @param minRatio the share of the peak that is left at the end; constant ignores it
 */
public record LearningRateSchedule(
    Kind kind, double peak, int warmupSteps, int maxSteps, double minRatio) {
  /** A course, as axolotl's {@code lr_scheduler} names it. */
  public enum Kind {
    /** Half a cosine wave. */
    COSINE,
    /** A straight line. */
    LINEAR,
    /** The peak throughout. */
    CONSTANT
  }

  /** Checks the ranges. */
  public LearningRateSchedule {
    check(peak >= 0 && peak < 1e30, "learning_rate", peak, "0 or more");
    check(warmupSteps >= 0, "warmup_steps", warmupSteps, "0 or more");
    check(maxSteps >= 1, "max_steps", maxSteps, "1 or more");
    check(minRatio >= 0 && minRatio <= 1, "cosine_min_lr_ratio", minRatio, "0 to 1");
  }

  private static void check(boolean good, String name, Object found, String needed) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + found + ", needed " + needed);
    }
  }

  /**
   * The rate of an update.
   *
   * @param step the update, counted from 1
   * @return the learning rate
   */
  public double at(int step) {
    if (step < 1) {
      throw new IllegalArgumentException("step: " + step + ", needed 1 or more");
    }
    if (step <= warmupSteps) {
      return peak * step / warmupSteps;
    }
    int after = Math.max(1, maxSteps - warmupSteps);
    double progress = Math.min(1, (double) (step - 1 - warmupSteps) / after);
    double share =
        switch (kind) {
          case COSINE -> (1 + StrictMath.cos(Math.PI * progress)) / 2;
          case LINEAR -> 1 - progress;
          case CONSTANT -> 1;
        };
    return kind == Kind.CONSTANT ? peak : peak * (minRatio + (1 - minRatio) * share);
  }
}
