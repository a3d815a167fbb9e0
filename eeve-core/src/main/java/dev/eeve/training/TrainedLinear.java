package dev.eeve.training;

import java.util.List;

/**
 * A linear layer whose rows may train.
 *
 * @param weight segments that together are all rows, in order
 * @param bias the whole bias the forward pass reads
 * @param trainedBias the parts of it that train
 */
record TrainedLinear(List<RowSegment> weight, float[] bias, List<TrainedVector> trainedBias) {
  TrainedLinear {
    weight = List.copyOf(weight);
    trainedBias = List.copyOf(trainedBias);
  }

  boolean weightTrains() {
    return weight.stream().anyMatch(segment -> segment.trained().isPresent());
  }

  boolean trains() {
    return weightTrains() || !trainedBias.isEmpty();
  }
}
