package dev.eeve.training;

/**
 * Where a stage stands, besides its weights and moments; data order and dropout follow from it and
 * the seed.
 *
 * @param step updates done
 * @param epoch of the next row
 * @param item of the next row, in its epoch
 * @param tokens seen
 * @param gradNorm of the latest update, before clipping
 * @param losses of the latest updates, oldest first, as far as early stopping looks back
 */
record TrainingState(int step, int epoch, int item, long tokens, double gradNorm, double[] losses) {
  static final TrainingState START = new TrainingState(0, 0, 0, 0, 0, new double[0]);
}
