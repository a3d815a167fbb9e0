package dev.eeve.kernels;

import java.util.Arrays;

/**
 * {@code out = (in − mean) / √(variance + ε) · weight + bias} per row (Ba, Kiros and Hinton, 2016).
 *
 * <p>Sums run in 16 partial sums, element i in sum i mod 16, that are then added pairwise: the same
 * order at any vector length.
 */
public final class LayerNorm {
  /** Partial sums; a multiple of every vector length. */
  static final int PARTIAL_SUMS = 16;

  private LayerNorm() {}

  /**
   * Normalizes each row.
   *
   * @param workers the caller's threads
   * @param out (R, C), overwritten
   * @param mean (R), overwritten
   * @param rstd (R), 1 / √(variance + ε), overwritten
   * @param in (R, C), read
   * @param weight (C), read
   * @param bias (C), read
   * @param epsilon ε, positive
   */
  public static void forward(
      Workers workers,
      FloatMatrix out,
      float[] mean,
      float[] rstd,
      FloatMatrix in,
      float[] weight,
      float[] bias,
      float epsilon) {
    in.require("in", out.rows(), out.columns());
    requireLength("weight", weight, out.columns());
    requireLength("bias", bias, out.columns());
    requireRows("mean", mean, out.rows());
    requireRows("rstd", rstd, out.rows());
    ForwardJob job = workers.layerNormJob;
    job.out = out;
    job.mean = mean;
    job.rstd = rstd;
    job.in = in;
    job.weight = weight;
    job.bias = bias;
    job.epsilon = epsilon;
    workers.run(job, out.rows());
  }

  /**
   * Sends a gradient back through the normalization: with {@code y = (in − mean) rstd} and {@code g
   * = dOut · weight}, {@code dIn += rstd (g − mean(g) − y · mean(g y))}.
   *
   * @param workers the caller's threads
   * @param dIn (R, C), added to
   * @param dOut (R, C), read
   * @param in (R, C), the forward's input, read
   * @param weight (C), read
   * @param mean (R), as forward wrote it
   * @param rstd (R), as forward wrote it
   */
  public static void backward(
      Workers workers,
      FloatMatrix dIn,
      FloatMatrix dOut,
      FloatMatrix in,
      float[] weight,
      float[] mean,
      float[] rstd) {
    dOut.require("dOut", dIn.rows(), dIn.columns());
    in.require("in", dIn.rows(), dIn.columns());
    requireLength("weight", weight, dIn.columns());
    requireRows("mean", mean, dIn.rows());
    requireRows("rstd", rstd, dIn.rows());
    workers.layerNormBackwardJob.run(workers, dIn, dOut, in, weight, mean, rstd);
  }

  /**
   * The gradient of some of the weights, {@code dWeight += Σ dOut · (in − mean) rstd} over the rows
   * in order. That of the bias is {@link Linear#backwardBias}.
   *
   * @param workers the caller's threads
   * @param dWeight the gradients of elements {@code first … first + dWeight.length}, added to
   * @param dOut (R, C), read
   * @param in (R, C), the forward's input, read
   * @param first the first element
   * @param mean (R), as forward wrote it
   * @param rstd (R), as forward wrote it
   */
  public static void backwardWeight(
      Workers workers,
      float[] dWeight,
      FloatMatrix dOut,
      FloatMatrix in,
      int first,
      float[] mean,
      float[] rstd) {
    dOut.require("dOut", in.rows(), in.columns());
    requireRows("mean", mean, in.rows());
    requireRows("rstd", rstd, in.rows());
    if (first < 0 || first > in.columns() - dWeight.length) {
      throw new IllegalArgumentException(
          "dWeight: (%d) from %d, in has %d columns"
              .formatted(dWeight.length, first, in.columns()));
    }
    workers.layerNormWeightJob.run(workers, dWeight, dOut, in, first, mean, rstd);
  }

  private static void requireLength(String name, float[] values, int needed) {
    if (values.length != needed) {
      throw new IllegalArgumentException(
          name + ": (" + values.length + "), needed (" + needed + ")");
    }
  }

  private static void requireRows(String name, float[] values, int needed) {
    if (values.length < needed) {
      throw new IllegalArgumentException(
          name + ": (" + values.length + "), needed at least (" + needed + ")");
    }
  }

  /** Adds 16 partial sums in a fixed tree. */
  static float total(float[] sums) {
    for (int half = PARTIAL_SUMS / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        sums[i] += sums[i + half];
      }
    }
    return sums[0];
  }

  /** Adds elements {@code from … count} to the partial sums: the specification, and the tail. */
  static void addScalar(float[] sums, float[] in, int at, int from, int count) {
    for (int i = from; i < count; i++) {
      sums[i % PARTIAL_SUMS] += in[at + i];
    }
  }

  /** Adds squared distances from the mean to the partial sums. */
  static void addSquaresScalar(float[] sums, float[] in, int at, float mean, int from, int count) {
    for (int i = from; i < count; i++) {
      float d = in[at + i] - mean;
      sums[i % PARTIAL_SUMS] = Math.fma(d, d, sums[i % PARTIAL_SUMS]);
    }
  }

  /** One unit is one row. */
  static final class ForwardJob extends Job {
    private FloatMatrix out;
    private float[] mean;
    private float[] rstd;
    private FloatMatrix in;
    private float[] weight;
    private float[] bias;
    private float epsilon;

    @Override
    void run(int row, Scratch scratch) {
      int columns = in.columns();
      int at = in.index(row);
      float[] x = in.data();
      float[] sums = scratch.floats(Scratch.Use.SUMS, PARTIAL_SUMS);
      int done = Simd.VECTOR ? VectorLayerNorm.sums(sums, x, at, columns) : 0;
      if (done == 0) {
        Arrays.fill(sums, 0, PARTIAL_SUMS, 0f);
      }
      addScalar(sums, x, at, done, columns);
      float m = total(sums) / columns;
      done = Simd.VECTOR ? VectorLayerNorm.squares(sums, x, at, m, columns) : 0;
      if (done == 0) {
        Arrays.fill(sums, 0, PARTIAL_SUMS, 0f);
      }
      addSquaresScalar(sums, x, at, m, done, columns);
      float r = (float) (1 / Math.sqrt((double) total(sums) / columns + epsilon));
      int target = out.index(row);
      for (int i = 0; i < columns; i++) {
        out.data()[target + i] = Math.fma((x[at + i] - m) * r, weight[i], bias[i]);
      }
      mean[row] = m;
      rstd[row] = r;
    }
  }
}
