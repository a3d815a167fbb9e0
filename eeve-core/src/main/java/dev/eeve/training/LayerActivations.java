package dev.eeve.training;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.model.PhiConfig;

/** What the backward pass of one layer reads of its forward pass, for R rows. */
final class LayerActivations {
  /** Rotated queries and keys, values, and the attention's output. */
  final FloatMatrix q;

  final FloatMatrix k;
  final FloatMatrix v;
  final FloatMatrix a;

  /** Largest score and sum of exponentials of each query and head. */
  final FloatMatrix max;

  final FloatMatrix sum;

  /** fc1's output, before the activation. */
  final FloatMatrix f;

  /** The norm's statistics. */
  final float[] mean;

  final float[] rstd;

  LayerActivations(PhiConfig config, int rows) {
    int keyValue = config.numKeyValueHeads() * config.headDim();
    q = FloatMatrix.allocate(rows, config.hiddenSize());
    k = FloatMatrix.allocate(rows, keyValue);
    v = FloatMatrix.allocate(rows, keyValue);
    a = FloatMatrix.allocate(rows, config.hiddenSize());
    max = FloatMatrix.allocate(rows, config.numAttentionHeads());
    sum = FloatMatrix.allocate(rows, config.numAttentionHeads());
    f = FloatMatrix.allocate(rows, config.intermediateSize());
    mean = new float[rows];
    rstd = new float[rows];
  }

  /** The first rows of another's memory; statistics of their own, which the kernels want exact. */
  private LayerActivations(LayerActivations all, int rows) {
    q = all.q.rows(0, rows);
    k = all.k.rows(0, rows);
    v = all.v.rows(0, rows);
    a = all.a.rows(0, rows);
    max = all.max.rows(0, rows);
    sum = all.sum.rows(0, rows);
    f = all.f.rows(0, rows);
    mean = new float[rows];
    rstd = new float[rows];
  }

  LayerActivations first(int rows) {
    return new LayerActivations(this, rows);
  }

  static long byteSize(PhiConfig config, int rows) {
    long floats =
        2L * config.hiddenSize()
            + 2L * config.numKeyValueHeads() * config.headDim()
            + 2L * config.numAttentionHeads()
            + config.intermediateSize()
            + 2;
    return Float.BYTES * floats * rows;
  }
}
