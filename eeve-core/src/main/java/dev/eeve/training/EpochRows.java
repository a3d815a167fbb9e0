package dev.eeve.training;

import java.util.Arrays;

/** The rows of all epochs one after the other, and a place in them. Each epoch is planned once. */
final class EpochRows {
  private final TokenDataset data;
  private final TrainingConfig config;
  private final double[] chances;
  private EpochPlan plan;
  private int plannedEpoch = -1;
  private int epoch;
  private int item;

  EpochRows(TokenDataset data, TrainingConfig config, RowSet newTokens) {
    this.data = data;
    this.config = config;
    this.chances = EpochPlan.chances(data, newTokens, config.newTokenBias());
  }

  /** Updates that see all epochs of the settings. */
  int steps() {
    long rows = 0;
    for (int e = 0; e < config.numEpochs(); e++) {
      rows += EpochPlan.of(data, chances, config, e).size();
    }
    int perStep = config.microBatchSize() * config.gradientAccumulationSteps();
    return Math.toIntExact((rows + perStep - 1) / perStep);
  }

  void seek(int epoch, int item) {
    this.epoch = epoch;
    this.item = item;
  }

  int epoch() {
    return epoch;
  }

  int item() {
    return item;
  }

  /** The sequences of the next rows; fewer where the last epoch ends. */
  int[] take(int rows) {
    int[] sequences = {};
    for (int taken = 0; taken < rows; ) {
      if (plannedEpoch != epoch) {
        plan = EpochPlan.of(data, chances, config, epoch);
        plannedEpoch = epoch;
      }
      if (item < plan.size()) {
        int[] next = plan.item(item++);
        int at = sequences.length;
        sequences = Arrays.copyOf(sequences, at + next.length);
        System.arraycopy(next, 0, sequences, at, next.length);
        taken++;
      } else if (config.maxSteps() == 0 && epoch + 1 == config.numEpochs()) {
        break;
      } else {
        epoch++;
        item = 0;
      }
    }
    return sequences;
  }
}
