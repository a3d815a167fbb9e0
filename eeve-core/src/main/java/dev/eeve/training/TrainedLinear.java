package dev.eeve.training;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A linear layer whose rows may train.
 *
 * @param weight segments that together are all rows, in order
 * @param bias the whole bias the forward pass reads
 * @param trainedBias the parts of it that train
 * @param update what an adapter adds to its output
 */
record TrainedLinear(
    List<RowSegment> weight,
    float[] bias,
    List<TrainedVector> trainedBias,
    Optional<TrainedUpdate> update) {
  TrainedLinear {
    weight = List.copyOf(weight);
    trainedBias = List.copyOf(trainedBias);
  }

  /** All rows that train. */
  List<TrainedRows> trained() {
    List<TrainedRows> all = new ArrayList<>();
    weight.forEach(segment -> segment.trained().ifPresent(all::add));
    all.addAll(trainedBias);
    update.ifPresent(low -> all.addAll(List.of(low.a(), low.b())));
    return all;
  }

  boolean weightTrains() {
    return weight.stream().anyMatch(segment -> segment.trained().isPresent());
  }

  boolean trains() {
    return weightTrains() || !trainedBias.isEmpty() || update.isPresent();
  }

  TrainedLinear with(Optional<TrainedUpdate> other) {
    return new TrainedLinear(weight, bias, trainedBias, other);
  }
}
