package dev.eeve.kernels;

/** {@code p = e^(x − max) / Σ e^(x − max)}. */
public final class Softmax {
  private Softmax() {}

  /**
   * Turns logits into probabilities in place. The sum runs in double, in index order; −∞ gives 0.
   *
   * @param values the logits, overwritten
   * @param from first index
   * @param to one past the last index
   */
  public static void forward(float[] values, int from, int to) {
    int count = to - from;
    float max = CausalAttention.max(values, from, count);
    double sum = CrossEntropy.sumOfExponentials(values, from, count, max);
    for (int i = from; i < to; i++) {
      values[i] = (float) (values[i] / sum);
    }
  }
}
