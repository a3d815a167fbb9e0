package dev.eeve.training;

import java.util.List;

/**
 * AdamW's settings and the learning rate's course, named as axolotl's keys are.
 *
 * @param learningRate the peak, {@code learning_rate}
 * @param lrScheduler the course after the warm-up, {@code lr_scheduler}
 * @param warmupSteps updates of the warm-up, {@code warmup_steps}
 * @param cosineMinLrRatio the share of the peak left at the end, {@code cosine_min_lr_ratio}
 * @param adamBeta1 decay of the first moment, {@code adam_beta1}
 * @param adamBeta2 decay of the second moment, {@code adam_beta2}
 * @param adamEpsilon added to the root of the second moment, {@code adam_epsilon}
 * @param weightDecay decoupled decay of every trained parameter, {@code weight_decay}
 * @param noDecay patterns of names that do not decay, {@code no_decay}, matched as those of {@link
 *     UnfrozenPattern} without rows
 * @param maxGradNorm the longest gradient, {@code max_grad_norm}; 0 for no clipping
 * @param memory what is kept of moments, masters and gradients
 */
public record OptimizerConfig(
    double learningRate,
    LearningRateSchedule.Kind lrScheduler,
    int warmupSteps,
    double cosineMinLrRatio,
    double adamBeta1,
    double adamBeta2,
    double adamEpsilon,
    double weightDecay,
    List<String> noDecay,
    double maxGradNorm,
    OptimizerMemory memory) {
  /** Checks the ranges. */
  public OptimizerConfig {
    noDecay = List.copyOf(noDecay);
    check(learningRate > 0 && learningRate < 1e30, "learning_rate", learningRate, "more than 0");
    check(warmupSteps >= 0, "warmup_steps", warmupSteps, "0 or more");
    checkShare("cosine_min_lr_ratio", cosineMinLrRatio, cosineMinLrRatio <= 1, "0 to 1");
    checkShare("adam_beta1", adamBeta1, adamBeta1 < 1, "0 to less than 1");
    checkShare("adam_beta2", adamBeta2, adamBeta2 < 1, "0 to less than 1");
    check((float) adamEpsilon > 0 && adamEpsilon < 1, "adam_epsilon", adamEpsilon, "1e-45 to 1");
    check(weightDecay >= 0 && weightDecay < 1e30, "weight_decay", weightDecay, "0 or more");
    check(maxGradNorm >= 0 && maxGradNorm < 1e30, "max_grad_norm", maxGradNorm, "0 or more");
    for (String pattern : noDecay) {
      if (UnfrozenPattern.parse(pattern).rows().isPresent()) {
        throw new IllegalArgumentException(
            "no_decay: \"" + pattern + "\": gives rows, needed a name alone");
      }
    }
  }

  private static void checkShare(String name, double value, boolean below, String needed) {
    check(value >= 0 && below, name, value, needed);
  }

  private static void check(boolean good, String name, Object found, String needed) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + found + ", needed " + needed);
    }
  }

  /**
   * Cosine to 0 after 10 updates of warm-up, β 0.9 and 0.95, ε 1e-5, no decay, clipping at 1.
   *
   * @param learningRate the peak; it has no default that is right for every stage
   * @return the settings
   */
  public static OptimizerConfig defaults(double learningRate) {
    return new OptimizerConfig(
        learningRate,
        LearningRateSchedule.Kind.COSINE,
        10,
        0,
        0.9,
        0.95,
        1e-5,
        0,
        List.of(),
        1,
        OptimizerMemory.EXACT);
  }

  /**
   * These settings with another course of the learning rate.
   *
   * @param kind after the warm-up
   * @param warmup updates of the warm-up
   * @param minRatio the share of the peak left at the end
   * @return a copy
   */
  public OptimizerConfig withSchedule(LearningRateSchedule.Kind kind, int warmup, double minRatio) {
    return new OptimizerConfig(
        learningRate,
        kind,
        warmup,
        minRatio,
        adamBeta1,
        adamBeta2,
        adamEpsilon,
        weightDecay,
        noDecay,
        maxGradNorm,
        memory);
  }

  /**
   * These settings with weight decay.
   *
   * @param decay of every trained parameter
   * @param exceptions patterns of names that do not decay
   * @return a copy
   */
  public OptimizerConfig withWeightDecay(double decay, List<String> exceptions) {
    return new OptimizerConfig(
        learningRate,
        lrScheduler,
        warmupSteps,
        cosineMinLrRatio,
        adamBeta1,
        adamBeta2,
        adamEpsilon,
        decay,
        exceptions,
        maxGradNorm,
        memory);
  }

  /**
   * These settings with another limit for gradients.
   *
   * @param norm the longest gradient; 0 for no clipping
   * @return a copy
   */
  public OptimizerConfig withMaxGradNorm(double norm) {
    return new OptimizerConfig(
        learningRate,
        lrScheduler,
        warmupSteps,
        cosineMinLrRatio,
        adamBeta1,
        adamBeta2,
        adamEpsilon,
        weightDecay,
        noDecay,
        norm,
        memory);
  }

  /**
   * These settings with another choice between memory and exactness.
   *
   * @param kept what is kept of moments, masters and gradients
   * @return a copy
   */
  public OptimizerConfig withMemory(OptimizerMemory kept) {
    return new OptimizerConfig(
        learningRate,
        lrScheduler,
        warmupSteps,
        cosineMinLrRatio,
        adamBeta1,
        adamBeta2,
        adamEpsilon,
        weightDecay,
        noDecay,
        maxGradNorm,
        kept);
  }

  /** The course over a number of updates. */
  LearningRateSchedule schedule(int maxSteps) {
    return new LearningRateSchedule(
        lrScheduler, learningRate, warmupSteps, maxSteps, cosineMinLrRatio);
  }
}
