package dev.eeve.training;

import dev.eeve.kernels.CausalAttention;
import dev.eeve.kernels.Embedding;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Gelu;
import dev.eeve.kernels.LayerNorm;
import dev.eeve.kernels.Residual;
import dev.eeve.kernels.Workers;
import dev.eeve.training.TrainingProducts.Bound;

/** PhiForward over whole documents, keeping what {@link PhiBackward} reads. */
final class TrainingForward {
  private TrainingForward() {}

  /**
   * Runs a batch through every layer and the last norm: {@code s.x} holds its output, {@code s.h}
   * the residual stream.
   */
  static void forward(
      Workers workers,
      TrainingModel model,
      TrainingActivations s,
      TrainingBatch batch,
      ResidualDropout dropout) {
    embed(workers, s.h(0), batch.ids(), model);
    for (int i = 0; i < model.layers().size(); i++) {
      TrainedLayer layer = model.layers().get(i);
      LayerActivations l = s.layer(i);
      branches(workers, model, layer, s, l, s.h(i), batch);
      TrainingProducts.forward(workers, s.updates, new Bound(layer.dense(), s.o, l.a));
      TrainingProducts.forward(workers, s.updates, new Bound(layer.fc2(), s.m, s.g));
      dropout.forward(workers, s.o, s.m, i);
      FloatMatrix h = s.h(i + 1);
      if (h != s.h(i)) {
        copy(s.h(i), h);
      }
      Residual.add(workers, h, s.o, s.m);
    }
    TrainedNorm norm = model.finalLayernorm();
    FloatMatrix h = s.h(model.layers().size());
    LayerNorm.forward(workers, s.x, s.mean, s.rstd, h, norm.weight(), norm.bias(), epsilon(model));
  }

  /** A layer up to the attention's output {@code l.a} and the activation {@code s.g}. */
  static void branches(
      Workers workers,
      TrainingModel model,
      TrainedLayer layer,
      TrainingActivations s,
      LayerActivations l,
      FloatMatrix h,
      TrainingBatch batch) {
    normalize(workers, model, layer, s, l, h);
    TrainingProducts.forward(
        workers,
        s.updates,
        new Bound(layer.qProj(), l.q, s.x),
        new Bound(layer.kProj(), l.k, s.x),
        new Bound(layer.vProj(), l.v, s.x),
        new Bound(layer.fc1(), l.f, s.x));
    int[] documents = batch.documents();
    for (int d = 0; d < documents.length; d++) {
      int from = documents[d];
      int rows = (d + 1 < documents.length ? documents[d + 1] : batch.rows()) - from;
      FloatMatrix q = l.q.rows(from, rows);
      FloatMatrix k = l.k.rows(from, rows);
      model.rotary().forward(workers, q, 0);
      model.rotary().forward(workers, k, 0);
      s.cache.put(workers, k, l.v.rows(from, rows), 0);
      CausalAttention.forward(
          workers,
          l.a.rows(from, rows),
          l.max.rows(from, rows),
          l.sum.rows(from, rows),
          q,
          s.cache,
          0);
    }
    Gelu.forward(workers, s.g, l.f);
  }

  /** The norm's output into {@code s.x}. */
  static void normalize(
      Workers workers,
      TrainingModel model,
      TrainedLayer layer,
      TrainingActivations s,
      LayerActivations l,
      FloatMatrix h) {
    TrainedNorm norm = layer.inputLayernorm();
    LayerNorm.forward(workers, s.x, l.mean, l.rstd, h, norm.weight(), norm.bias(), epsilon(model));
  }

  private static float epsilon(TrainingModel model) {
    return (float) model.base().config().layerNormEps();
  }

  private static void copy(FloatMatrix from, FloatMatrix to) {
    System.arraycopy(
        from.data(), from.offset(), to.data(), to.offset(), from.rows() * from.columns());
  }

  private static void embed(Workers workers, FloatMatrix out, int[] ids, TrainingModel model) {
    int vocabulary = model.base().config().vocabSize();
    for (int r = 0; r < ids.length; r++) {
      if (ids[r] < 0 || ids[r] >= vocabulary) {
        throw new IllegalArgumentException(
            "ids: %d at %d, needed 0 to %d".formatted(ids[r], r, vocabulary - 1));
      }
    }
    for (RowSegment segment : model.embedTokens()) {
      Embedding.forward(workers, out, ids, segment.weights(), segment.firstRow());
    }
  }
}
