package dev.eeve.training;

import dev.eeve.kernels.CausalAttention;
import dev.eeve.kernels.Embedding;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Gelu;
import dev.eeve.kernels.LayerNorm;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Workers;
import dev.eeve.training.TrainingProducts.Bound;
import java.util.Arrays;
import java.util.List;

/**
 * {@link TrainingForward} in reverse: the same names, {@code d} before a gradient. Computes only
 * what a trained row needs; nothing below the lowest layer that trains.
 */
final class PhiBackward {
  private PhiBackward() {}

  /**
   * Goes from {@code s.dx}, the gradient of the last norm's output, to the lowest trained row.
   *
   * @param checkpointing whether each layer's activations must be computed again
   */
  static void backward(
      Workers workers,
      TrainingModel model,
      TrainingActivations s,
      TrainingBatch batch,
      ResidualDropout dropout,
      boolean checkpointing,
      GradientFlow flow) {
    int layers = model.layers().size();
    int lowest = model.lowestLayer();
    FloatMatrix h = s.h(layers);
    norm(workers, model.finalLayernorm(), s.dx, h, s.mean, s.rstd);
    if (lowest == layers) {
      flow.complete(model.finalLayernorm().trained());
      return;
    }
    Arrays.fill(s.dh.data(), 0, s.dh.rows() * s.dh.columns(), 0f);
    float[] weight = model.finalLayernorm().weight();
    LayerNorm.backward(workers, s.dh, s.dx, h, weight, s.mean, s.rstd);
    flow.complete(model.finalLayernorm().trained());
    boolean embedding = model.embeddingTrains();
    for (int i = layers - 1; i >= lowest; i--) {
      if (checkpointing) {
        TrainingForward.branches(
            workers, model, model.layers().get(i), s, s.layer(i), s.h(i), batch);
      }
      boolean overwrites = flow.overwrites();
      layer(workers, model, i, s, batch, dropout, embedding || i > lowest, overwrites);
      flow.complete(model.layers().get(i).trained());
    }
    for (RowSegment segment : model.embedTokens()) {
      segment.trained().ifPresent(rows -> embedding(workers, rows, s, batch, flow));
    }
  }

  private static void embedding(
      Workers workers,
      TrainedMatrix rows,
      TrainingActivations s,
      TrainingBatch batch,
      GradientFlow flow) {
    if (flow.overwrites()) {
      rows.gradient().fillWithZeros();
    }
    Embedding.backward(workers, rows.gradient(), rows.firstRow(), s.dh, batch.ids(), 0);
    flow.complete(List.of(rows));
  }

  private static void layer(
      Workers workers,
      TrainingModel model,
      int i,
      TrainingActivations s,
      TrainingBatch batch,
      ResidualDropout dropout,
      boolean below,
      boolean overwrites) {
    TrainedLayer layer = model.layers().get(i);
    LayerActivations l = s.layer(i);
    boolean needX = below || layer.inputLayernorm().trains();
    FloatMatrix dm = dropout.backward(workers, s.m, s.dh, i, 1);
    if (layer.fc2().trains()) {
      Gelu.forward(workers, s.g, l.f);
      TrainingProducts.backwardWeight(
          workers, s.updates, overwrites, new Bound(layer.fc2(), dm, s.g));
    }
    if (needX || layer.fc1().trains()) {
      TrainingProducts.backwardInput(workers, s.updates, s.df, new Bound(layer.fc2(), dm, s.g));
      Gelu.backward(workers, s.df, s.df, l.f);
    }
    FloatMatrix d = dropout.backward(workers, s.o, s.dh, i, 0);
    TrainingProducts.backwardWeight(
        workers, s.updates, overwrites, new Bound(layer.dense(), d, l.a));
    if (needX || layer.attentionTrains()) {
      TrainingProducts.backwardInput(workers, s.updates, s.dx, new Bound(layer.dense(), d, l.a));
      attention(workers, model, s, l, batch);
    }
    Bound[] inward = {
      new Bound(layer.qProj(), s.dq, s.x),
      new Bound(layer.kProj(), s.dk, s.x),
      new Bound(layer.vProj(), s.dv, s.x),
      new Bound(layer.fc1(), s.df, s.x)
    };
    if (layer.attentionTrains() || layer.fc1().trains()) {
      TrainingForward.normalize(workers, model, layer, s, l, s.h(i));
      TrainingProducts.backwardWeight(workers, s.updates, overwrites, inward);
    }
    if (needX) {
      TrainingProducts.backwardInput(workers, s.updates, s.dx, inward);
      norm(workers, layer.inputLayernorm(), s.dx, s.h(i), l.mean, l.rstd);
    }
    if (below) {
      float[] weight = layer.inputLayernorm().weight();
      LayerNorm.backward(workers, s.dh, s.dx, s.h(i), weight, l.mean, l.rstd);
    }
  }

  /** From {@code s.dx}, the gradient of the attention's output, to queries, keys and values. */
  private static void attention(
      Workers workers,
      TrainingModel model,
      TrainingActivations s,
      LayerActivations l,
      TrainingBatch batch) {
    int headDim = model.base().config().headDim();
    int[] documents = batch.documents();
    CausalAttention.backward(
        workers, s.dq, s.dk, s.dv, s.dx, l.a, l.max, l.sum, l.q, l.k, l.v, headDim, documents);
    for (int d = 0; d < documents.length; d++) {
      int from = documents[d];
      int rows = (d + 1 < documents.length ? documents[d + 1] : batch.rows()) - from;
      model.rotary().backward(workers, s.dq.rows(from, rows), 0);
      model.rotary().backward(workers, s.dk.rows(from, rows), 0);
    }
  }

  /** Gradients of a norm's own parameters from that of its output. */
  private static void norm(
      Workers workers,
      TrainedNorm norm,
      FloatMatrix dOut,
      FloatMatrix in,
      float[] mean,
      float[] rstd) {
    List<TrainedVector> weights = norm.trainedWeight();
    for (TrainedVector vector : weights) {
      LayerNorm.backwardWeight(workers, vector.gradient(), dOut, in, vector.firstRow(), mean, rstd);
    }
    for (TrainedVector vector : norm.trainedBias()) {
      Linear.backwardBias(workers, vector.gradient(), dOut, vector.firstRow());
    }
  }
}
