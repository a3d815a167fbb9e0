package dev.eeve.training;

import java.util.OptionalDouble;

/**
 * How a {@code Trainer} runs one stage. Loss and gradient are the mean over all target tokens of an
 * update, however it is cut into micro-batches.
 *
 * @param sequenceLen tokens of a sequence or pack at most, {@code sequence_len}
 * @param samplePacking whether several sequences share a row, {@code sample_packing}
 * @param microBatchSize rows of one pass, {@code micro_batch_size}
 * @param gradientAccumulationSteps passes of one update, {@code gradient_accumulation_steps}
 * @param maxSteps updates, {@code max_steps}; 0 to count epochs instead
 * @param numEpochs times the data is seen, {@code num_epochs}, where {@code maxSteps} is 0
 * @param optimizer AdamW and the learning rate
 * @param shuffle whether each epoch has an order of its own, {@code shuffle}
 * @param newTokenBias how much sequences of new tokens are favoured, {@code new_token_bias}: one of
 *     new tokens alone is seen 1 + bias times as often as one without any; 0 for none
 * @param residDropout dropout on the two branches of a layer, {@code resid_dropout}; empty for the
 *     model's {@code resid_pdrop}
 * @param gradientCheckpointing whether a layer's activations are computed again instead of kept,
 *     {@code gradient_checkpointing}
 * @param seed of the data's order and of dropout, {@code seed}
 * @param earlyStop when a stage has converged, {@code early_stop}
 */
public record TrainingConfig(
    int sequenceLen,
    boolean samplePacking,
    int microBatchSize,
    int gradientAccumulationSteps,
    int maxSteps,
    int numEpochs,
    OptimizerConfig optimizer,
    boolean shuffle,
    double newTokenBias,
    OptionalDouble residDropout,
    boolean gradientCheckpointing,
    long seed,
    EarlyStop earlyStop) {
  /** Checks the ranges. */
  public TrainingConfig {
    check(sequenceLen >= 2, "sequence_len", sequenceLen, "2 or more");
    check(microBatchSize >= 1, "micro_batch_size", microBatchSize, "1 or more");
    check(
        gradientAccumulationSteps >= 1,
        "gradient_accumulation_steps",
        gradientAccumulationSteps,
        "1 or more");
    check(
        (long) microBatchSize * gradientAccumulationSteps <= Integer.MAX_VALUE,
        "gradient_accumulation_steps",
        gradientAccumulationSteps,
        "fewer");
    if (optimizer.memory().optimizerInBwd() && gradientAccumulationSteps > 1) {
      throw new IllegalArgumentException(
          "gradient_accumulation_steps: %d, needed 1 with optimizer_in_bwd, which uses a gradient up before the next pass; raise micro_batch_size"
              .formatted(gradientAccumulationSteps));
    }
    check(maxSteps >= 0, "max_steps", maxSteps, "0 or more");
    check(numEpochs >= 1, "num_epochs", numEpochs, "1 or more");
    check(newTokenBias >= 0 && newTokenBias <= 1e6, "new_token_bias", newTokenBias, "0 or more");
    double dropout = residDropout.orElse(0);
    check(dropout >= 0 && dropout < 1, "resid_dropout", dropout, "0 to less than 1");
  }

  private static void check(boolean good, String name, Object found, String needed) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + found + ", needed " + needed);
    }
  }

  /**
   * One epoch of shuffled sequences of up to 2,048 tokens, one an update.
   *
   * @param learningRate the peak; it has no default that is right for every stage
   * @return the settings
   */
  public static TrainingConfig defaults(double learningRate) {
    return new TrainingConfig(
        2048,
        false,
        1,
        1,
        0,
        1,
        OptimizerConfig.defaults(learningRate),
        true,
        0,
        OptionalDouble.empty(),
        false,
        42,
        EarlyStop.OFF);
  }

  /**
   * These settings with other sequences.
   *
   * @param length tokens of a sequence or pack at most
   * @param packing whether several sequences share a row
   * @return a copy
   */
  public TrainingConfig withSequences(int length, boolean packing) {
    return new TrainingConfig(
        length,
        packing,
        microBatchSize,
        gradientAccumulationSteps,
        maxSteps,
        numEpochs,
        optimizer,
        shuffle,
        newTokenBias,
        residDropout,
        gradientCheckpointing,
        seed,
        earlyStop);
  }

  /**
   * These settings with other batches.
   *
   * @param microBatch rows of one pass
   * @param accumulation passes of one update
   * @return a copy
   */
  public TrainingConfig withBatch(int microBatch, int accumulation) {
    return new TrainingConfig(
        sequenceLen,
        samplePacking,
        microBatch,
        accumulation,
        maxSteps,
        numEpochs,
        optimizer,
        shuffle,
        newTokenBias,
        residDropout,
        gradientCheckpointing,
        seed,
        earlyStop);
  }

  /**
   * These settings with another end.
   *
   * @param updates their number; 0 for one epoch
   * @return a copy
   */
  public TrainingConfig withMaxSteps(int updates) {
    return new TrainingConfig(
        sequenceLen,
        samplePacking,
        microBatchSize,
        gradientAccumulationSteps,
        updates,
        numEpochs,
        optimizer,
        shuffle,
        newTokenBias,
        residDropout,
        gradientCheckpointing,
        seed,
        earlyStop);
  }

  /**
   * These settings with another optimizer.
   *
   * @param settings AdamW and the learning rate
   * @return a copy
   */
  public TrainingConfig withOptimizer(OptimizerConfig settings) {
    return new TrainingConfig(
        sequenceLen,
        samplePacking,
        microBatchSize,
        gradientAccumulationSteps,
        maxSteps,
        numEpochs,
        settings,
        shuffle,
        newTokenBias,
        residDropout,
        gradientCheckpointing,
        seed,
        earlyStop);
  }

  /**
   * These settings with another order of the data.
   *
   * @param shuffled whether each epoch has an order of its own
   * @param randomSeed of the order and of dropout
   * @param bias how much sequences of new tokens are favoured
   * @return a copy
   */
  public TrainingConfig withOrder(boolean shuffled, long randomSeed, double bias) {
    return new TrainingConfig(
        sequenceLen,
        samplePacking,
        microBatchSize,
        gradientAccumulationSteps,
        maxSteps,
        numEpochs,
        optimizer,
        shuffled,
        bias,
        residDropout,
        gradientCheckpointing,
        randomSeed,
        earlyStop);
  }

  /**
   * These settings with dropout.
   *
   * @param probability on the two branches of a layer
   * @return a copy
   */
  public TrainingConfig withResidDropout(double probability) {
    return new TrainingConfig(
        sequenceLen,
        samplePacking,
        microBatchSize,
        gradientAccumulationSteps,
        maxSteps,
        numEpochs,
        optimizer,
        shuffle,
        newTokenBias,
        OptionalDouble.of(probability),
        gradientCheckpointing,
        seed,
        earlyStop);
  }

  /**
   * These settings with another choice between memory and time.
   *
   * @param again whether a layer's activations are computed again instead of kept
   * @return a copy
   */
  public TrainingConfig withGradientCheckpointing(boolean again) {
    return new TrainingConfig(
        sequenceLen,
        samplePacking,
        microBatchSize,
        gradientAccumulationSteps,
        maxSteps,
        numEpochs,
        optimizer,
        shuffle,
        newTokenBias,
        residDropout,
        again,
        seed,
        earlyStop);
  }
}
