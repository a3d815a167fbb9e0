package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.util.Arrays;

/** The jobs of {@link LayerNorm}'s backward pass. */
final class LayerNormBackward {
  private LayerNormBackward() {}

  /** Towards the input; one unit is one row. Sums run in 16 partial sums as in the forward. */
  static final class InputJob extends Job {
    private FloatMatrix dIn;
    private FloatMatrix dOut;
    private FloatMatrix in;
    private float[] weight;
    private float[] mean;
    private float[] rstd;

    void run(
        Workers workers,
        FloatMatrix dIn,
        FloatMatrix dOut,
        FloatMatrix in,
        float[] weight,
        float[] mean,
        float[] rstd) {
      this.dIn = dIn;
      this.dOut = dOut;
      this.in = in;
      this.weight = weight;
      this.mean = mean;
      this.rstd = rstd;
      workers.run(this, dIn.rows());
      this.dIn = null;
      this.dOut = null;
      this.in = null;
      this.weight = null;
      this.mean = null;
      this.rstd = null;
    }

    @Override
    void run(int row, Scratch scratch) {
      int columns = in.columns();
      float[] normal = scratch.floats(Use.LINE, columns);
      float[] g = scratch.floats(Use.LINES, columns);
      float[] sums = scratch.floats(Use.SUMS, LayerNorm.PARTIAL_SUMS);
      float[] x = in.data();
      float[] dy = dOut.data();
      float m = mean[row];
      float r = rstd[row];
      int xAt = in.index(row);
      int dyAt = dOut.index(row);
      for (int i = 0; i < columns; i++) {
        normal[i] = (x[xAt + i] - m) * r;
        g[i] = dy[dyAt + i] * weight[i];
      }
      int done = Simd.VECTOR ? VectorLayerNorm.sums(sums, g, 0, columns) : 0;
      if (done == 0) {
        Arrays.fill(sums, 0, LayerNorm.PARTIAL_SUMS, 0f);
      }
      LayerNorm.addScalar(sums, g, 0, done, columns);
      float meanOfG = LayerNorm.total(sums) / columns;
      done = Simd.VECTOR ? VectorLayerNorm.products(sums, g, normal, columns) : 0;
      if (done == 0) {
        Arrays.fill(sums, 0, LayerNorm.PARTIAL_SUMS, 0f);
      }
      for (int i = done; i < columns; i++) {
        int sum = i % LayerNorm.PARTIAL_SUMS;
        sums[sum] = Math.fma(g[i], normal[i], sums[sum]);
      }
      float meanOfProducts = LayerNorm.total(sums) / columns;
      float[] target = dIn.data();
      int at = dIn.index(row);
      for (int i = 0; i < columns; i++) {
        target[at + i] += r * Math.fma(-normal[i], meanOfProducts, g[i] - meanOfG);
      }
    }
  }

  /** Towards the weight; one unit is a stretch of columns, over all rows in order. */
  static final class WeightJob extends Job {
    private static final int COLUMNS = 512;

    private float[] dWeight;
    private FloatMatrix dOut;
    private FloatMatrix in;
    private int first;
    private float[] mean;
    private float[] rstd;

    void run(
        Workers workers,
        float[] dWeight,
        FloatMatrix dOut,
        FloatMatrix in,
        int first,
        float[] mean,
        float[] rstd) {
      this.dWeight = dWeight;
      this.dOut = dOut;
      this.in = in;
      this.first = first;
      this.mean = mean;
      this.rstd = rstd;
      workers.run(this, (dWeight.length + COLUMNS - 1) / COLUMNS);
      this.dWeight = null;
      this.dOut = null;
      this.in = null;
      this.mean = null;
      this.rstd = null;
    }

    @Override
    void run(int unit, Scratch scratch) {
      int from = unit * COLUMNS;
      int count = Math.min(COLUMNS, dWeight.length - from);
      float[] x = in.data();
      float[] dy = dOut.data();
      for (int row = 0; row < in.rows(); row++) {
        float m = mean[row];
        float r = rstd[row];
        int xAt = in.index(row) + first + from;
        int dyAt = dOut.index(row) + first + from;
        for (int i = 0; i < count; i++) {
          dWeight[from + i] = Math.fma(dy[dyAt + i], (x[xAt + i] - m) * r, dWeight[from + i]);
        }
      }
    }
  }
}
