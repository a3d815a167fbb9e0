package dev.eeve.training;

import java.util.ArrayList;
import java.util.List;

/** One decoder layer, its fields named as {@link dev.eeve.model.PhiLayer}'s. */
record TrainedLayer(
    TrainedNorm inputLayernorm,
    TrainedLinear qProj,
    TrainedLinear kProj,
    TrainedLinear vProj,
    TrainedLinear dense,
    TrainedLinear fc1,
    TrainedLinear fc2) {
  /** All rows that train. */
  List<TrainedRows> trained() {
    List<TrainedRows> all = new ArrayList<>(inputLayernorm.trained());
    for (TrainedLinear linear : linears()) {
      all.addAll(linear.trained());
    }
    return all;
  }

  boolean trains() {
    return inputLayernorm.trains() || attentionTrains() || dense.trains() || mlpTrains();
  }

  List<TrainedLinear> linears() {
    return List.of(qProj, kProj, vProj, dense, fc1, fc2);
  }

  boolean attentionTrains() {
    return qProj.trains() || kProj.trains() || vProj.trains();
  }

  private boolean mlpTrains() {
    return fc1.trains() || fc2.trains();
  }
}
