package dev.eeve.training;

import java.util.ArrayList;
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

  /** All rows that train. */
  List<TrainedRows> trained() {
    List<TrainedRows> all = new ArrayList<>();
    weight.forEach(segment -> segment.trained().ifPresent(all::add));
    all.addAll(trainedBias);
    return all;
  }

  boolean weightTrains() {
    return weight.stream().anyMatch(segment -> segment.trained().isPresent());
  }

  boolean trains() {
    return weightTrains() || !trainedBias.isEmpty();
  }
}
