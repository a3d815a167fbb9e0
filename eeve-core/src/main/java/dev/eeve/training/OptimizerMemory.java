package dev.eeve.training;

/**
 * What AdamW keeps for rows that train, and when it updates them: all of it in fp32 after the whole
 * backward pass, or less. With all three settings 2.8 billion parameters train in some 13 GB.
 *
 * @param eightBitMoments {@code optimizer: adamw_8bit}: both moments of matrices in 8 bits, see
 *     {@link dev.eeve.kernels.BlockMoments}; those of biases and norms stay fp32
 * @param bf16StochasticRound {@code bf16_stochastic_round}: matrices of a BF16 model have no fp32
 *     masters; the model's own rows are updated and rounded up or down by chance, so that small
 *     updates are not lost. The chance follows from {@code seed}
 * @param optimizerInBwd {@code optimizer_in_bwd}: a layer is updated as soon as the backward pass
 *     has its gradients, which then make room for the next layer's
 * @param gradNormFrom what {@code max_grad_norm} compares then, as the norm is whole only after the
 *     last update
 */
public record OptimizerMemory(
    boolean eightBitMoments,
    boolean bf16StochasticRound,
    boolean optimizerInBwd,
    GradNormFrom gradNormFrom) {
  /** Moments and masters in fp32, gradients of all rows at once. */
  public static final OptimizerMemory EXACT =
      new OptimizerMemory(false, false, false, GradNormFrom.PREVIOUS_STEP);

  /** All that saves memory, clipping by the norm of the update before. */
  public static final OptimizerMemory LEAST =
      new OptimizerMemory(true, true, true, GradNormFrom.PREVIOUS_STEP);

  /** {@code grad_norm_from}, with {@code optimizer_in_bwd}. */
  public enum GradNormFrom {
    /**
     * The norm of the update before: a sudden long gradient passes once. The first update has none
     * before it and computes its gradients twice.
     */
    PREVIOUS_STEP,
    /** This update's own norm, from a pass before the one that updates: twice the time. */
    SECOND_PASS
  }

  /** Checks that the settings go together. */
  public OptimizerMemory {
    if (bf16StochasticRound && !eightBitMoments) {
      throw new IllegalArgumentException(
          "bf16_stochastic_round: given with fp32 moments, needed 8-bit ones; set optimizer:"
              + " adamw_8bit");
    }
  }
}
