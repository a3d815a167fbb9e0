package dev.eeve.training;

/** One decoder layer, its fields named as {@link dev.eeve.model.PhiLayer}'s. */
record TrainedLayer(
    TrainedNorm inputLayernorm,
    TrainedLinear qProj,
    TrainedLinear kProj,
    TrainedLinear vProj,
    TrainedLinear dense,
    TrainedLinear fc1,
    TrainedLinear fc2) {
  boolean trains() {
    return inputLayernorm.trains() || attentionTrains() || dense.trains() || mlpTrains();
  }

  boolean attentionTrains() {
    return qProj.trains() || kProj.trains() || vProj.trains();
  }

  private boolean mlpTrains() {
    return fc1.trains() || fc2.trains();
  }
}
