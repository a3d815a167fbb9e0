package dev.eeve.kernels;

import java.util.Arrays;

/**
 * Log-probabilities of target tokens, fused with the head over chunks of the vocabulary: the logits
 * of all tokens never exist at once.
 */
public final class CrossEntropy {
  private CrossEntropy() {}

  /**
   * {@code out[r] = log softmax(hidden[r] · Wᵀ + b)[targets[r]]}. Maximum and sum of exponentials
   * run over chunks of {@link Blocking#vocabularyRows}; sums are in double.
   *
   * @param workers the caller's threads
   * @param out R log-probabilities from {@code outOffset}, overwritten
   * @param outOffset where in {@code out}
   * @param hidden (R, C), after the last LayerNorm, read
   * @param head (V, C), read
   * @param bias (V), read
   * @param targets R ids from {@code targetOffset}, each in 0 … V − 1
   * @param targetOffset where in {@code targets}
   */
  public static void logProbabilities(
      Workers workers,
      double[] out,
      int outOffset,
      FloatMatrix hidden,
      Weights head,
      float[] bias,
      int[] targets,
      int targetOffset) {
    int rows = hidden.rows();
    if (bias.length != head.rows()) {
      throw new IllegalArgumentException(
          "bias: (" + bias.length + "), needed (" + head.rows() + ")");
    }
    for (int i = targetOffset; i < targetOffset + rows; i++) {
      if (targets[i] < 0 || targets[i] >= head.rows()) {
        throw new IllegalArgumentException(
            "targets: %d at %d, needed 0 to %d".formatted(targets[i], i, head.rows() - 1));
      }
    }
    int chunk = workers.blocking().vocabularyRows();
    float[] max = new float[rows];
    double[] sum = new double[rows];
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
    FloatMatrix logits = null;
    for (int first = 0; first < head.rows(); first += chunk) {
      int count = Math.min(chunk, head.rows() - first);
      if (logits == null || logits.columns() != count) {
        logits = FloatMatrix.allocate(rows, count);
      }
      Linear.forward(
          workers,
          new Linear.Product(
              logits,
              hidden,
              head.rows(first, count),
              Arrays.copyOfRange(bias, first, first + count)));
      for (int r = 0; r < rows; r++) {
        int at = logits.index(r);
        int target = targets[targetOffset + r] - first;
        if (target >= 0 && target < count) {
          out[outOffset + r] = logits.data()[at + target];
        }
        float newMax = Math.max(max[r], CausalAttention.max(logits.data(), at, count));
        sum[r] =
            sum[r] * Exponential.exp(max[r] - newMax)
                + sumOfExponentials(logits.data(), at, count, newMax);
        max[r] = newMax;
      }
    }
    for (int r = 0; r < rows; r++) {
      out[outOffset + r] -= max[r] + StrictMath.log(sum[r]);
    }
  }

  /** A target that does not count. */
  public static final int IGNORED = -100;

  /**
   * {@code losses[r] = −log softmax(logits[r])[targets[r]]}. The vocabulary may be cut into pieces
   * that stand side by side. The sum runs in 8 partial sums in double, column i in sum i mod 8,
   * then added pairwise, so that it does not depend on the pieces.
   *
   * @param workers the caller's threads
   * @param losses R losses from {@code offset}, overwritten
   * @param offset where in {@code losses} and {@code targets}
   * @param targets R ids from {@code offset}, each in 0 … V − 1
   * @param logits (R, V₁), (R, V₂) and so on, V in all; overwritten with anything
   */
  public static void forward(
      Workers workers, double[] losses, int offset, int[] targets, FloatMatrix... logits) {
    run(workers, losses, offset, targets, Float.NaN, false, logits);
  }

  /**
   * {@link #forward}, and the logits replaced by the gradient of {@code scale · Σ losses}: {@code
   * scale · (softmax(logits[r]) − 1 at the target)}.
   *
   * @param workers the caller's threads
   * @param losses R losses from {@code offset}, overwritten
   * @param offset where in {@code losses} and {@code targets}
   * @param targets R ids from {@code offset}, each in 0 … V − 1
   * @param scale factor of the gradient
   * @param logits (R, V₁), (R, V₂) and so on, V in all; overwritten with their gradients
   */
  public static void forwardBackward(
      Workers workers,
      double[] losses,
      int offset,
      int[] targets,
      float scale,
      FloatMatrix... logits) {
    run(workers, losses, offset, targets, scale, true, logits);
  }

  private static void run(
      Workers workers,
      double[] losses,
      int offset,
      int[] targets,
      float scale,
      boolean backward,
      FloatMatrix... logits) {
    int rows = logits[0].rows();
    int columns = 0;
    for (FloatMatrix piece : logits) {
      piece.require("logits", rows, piece.columns());
      columns += piece.columns();
    }
    if (offset < 0 || offset + rows > losses.length) {
      throw new IllegalArgumentException(
          "losses: (%d), needed %d from %d".formatted(losses.length, rows, offset));
    }
    for (int i = offset; i < offset + rows; i++) {
      if (targets[i] < 0 || targets[i] >= columns) {
        throw new IllegalArgumentException(
            "targets: %d at %d, needed 0 to %d".formatted(targets[i], i, columns - 1));
      }
    }
    workers.crossEntropyJob.run(workers, losses, offset, targets, scale, backward, logits);
  }

  /** {@code Σ e^(x − max)} in index order; the values are overwritten. */
  static double sumOfExponentials(float[] values, int at, int count, float max) {
    Exponential.expMinus(values, at, count, max);
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += values[at + i];
    }
    return sum;
  }
}
