package dev.eeve.kernels;

import java.util.Arrays;

/** Loss of one row of logits, and their gradient in their place: one unit is one row. */
final class CrossEntropyJob extends Job {
  private static final int SUMS = 8;

  private double[] losses;
  private int offset;
  private int[] targets;
  private float scale;
  private boolean backward;
  private FloatMatrix[] logits;

  void run(
      Workers workers,
      double[] losses,
      int offset,
      int[] targets,
      float scale,
      boolean backward,
      FloatMatrix[] logits) {
    this.losses = losses;
    this.offset = offset;
    this.targets = targets;
    this.scale = scale;
    this.backward = backward;
    this.logits = logits;
    workers.run(this, logits[0].rows());
    this.losses = null;
    this.targets = null;
    this.logits = null;
  }

  @Override
  void run(int row, Scratch scratch) {
    float max = Float.NEGATIVE_INFINITY;
    float[] lanes = scratch.floats(Scratch.Use.SUMS, LayerNorm.PARTIAL_SUMS);
    for (FloatMatrix piece : logits) {
      max = Math.max(max, maximum(piece.data(), piece.index(row), piece.columns(), lanes));
    }
    int target = targets[offset + row];
    int owner = 0;
    while (target >= logits[owner].columns()) {
      target -= logits[owner++].columns();
    }
    int at = logits[owner].index(row) + target;
    float own = logits[owner].data()[at];
    double[] sums = scratch.doubles(SUMS);
    Arrays.fill(sums, 0, SUMS, 0.0);
    int column = 0;
    for (FloatMatrix piece : logits) {
      Exponential.expMinus(piece.data(), piece.index(row), piece.columns(), max);
      add(sums, piece.data(), piece.index(row), piece.columns(), column);
      column += piece.columns();
    }
    double sum =
        ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    losses[offset + row] = StrictMath.log(sum) + max - own;
    if (backward) {
      float factor = (float) (scale / sum);
      for (FloatMatrix piece : logits) {
        multiply(piece.data(), piece.index(row), piece.columns(), factor);
      }
      logits[owner].data()[at] -= scale;
    }
  }

  /** The order of a maximum does not matter. */
  private static float maximum(float[] x, int at, int count, float[] lanes) {
    return Simd.VECTOR
        ? VectorElementwise.max(x, at, count, lanes)
        : CausalAttention.max(x, at, count);
  }

  /** Adds element i to sum {@code (column + i) mod 8}. */
  private static void add(double[] sums, float[] x, int at, int count, int column) {
    int i = 0;
    for (; i < count && (column + i) % SUMS != 0; i++) {
      sums[(column + i) % SUMS] += x[at + i];
    }
    double s0 = sums[0];
    double s1 = sums[1];
    double s2 = sums[2];
    double s3 = sums[3];
    double s4 = sums[4];
    double s5 = sums[5];
    double s6 = sums[6];
    double s7 = sums[7];
    for (; i + SUMS <= count; i += SUMS) {
      int from = at + i;
      s0 += x[from];
      s1 += x[from + 1];
      s2 += x[from + 2];
      s3 += x[from + 3];
      s4 += x[from + 4];
      s5 += x[from + 5];
      s6 += x[from + 6];
      s7 += x[from + 7];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    sums[4] = s4;
    sums[5] = s5;
    sums[6] = s6;
    sums[7] = s7;
    for (; i < count; i++) {
      sums[(column + i) % SUMS] += x[at + i];
    }
  }

  private static void multiply(float[] x, int at, int count, float factor) {
    for (int i = at; i < at + count; i++) {
      x[i] *= factor;
    }
  }
}
