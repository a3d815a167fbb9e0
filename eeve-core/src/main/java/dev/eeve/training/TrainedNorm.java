package dev.eeve.training;

import java.util.ArrayList;
import java.util.List;

/**
 * A LayerNorm whose elements may train.
 *
 * @param weight the whole weight the forward pass reads
 * @param bias the whole bias
 * @param trainedWeight the parts of the weight that train
 * @param trainedBias the parts of the bias that train
 */
record TrainedNorm(
    float[] weight,
    float[] bias,
    List<TrainedVector> trainedWeight,
    List<TrainedVector> trainedBias) {
  TrainedNorm {
    trainedWeight = List.copyOf(trainedWeight);
    trainedBias = List.copyOf(trainedBias);
  }

  /** All elements that train. */
  List<TrainedRows> trained() {
    List<TrainedRows> all = new ArrayList<>(trainedWeight);
    all.addAll(trainedBias);
    return all;
  }

  boolean trains() {
    return !trainedWeight.isEmpty() || !trainedBias.isEmpty();
  }
}
