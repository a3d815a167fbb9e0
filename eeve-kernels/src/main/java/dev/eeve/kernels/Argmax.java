package dev.eeve.kernels;

/** The index of the largest element. */
public final class Argmax {
  private Argmax() {}

  /**
   * Finds the largest element; ties go to the lowest index.
   *
   * @param values the elements
   * @param from first index
   * @param to one past the last index
   * @return its index relative to {@code from}, or −1 if an element is NaN or there is none
   */
  public static int of(float[] values, int from, int to) {
    int best = -1;
    float max = Float.NEGATIVE_INFINITY;
    boolean nan = false;
    for (int i = from; i < to; i++) {
      float value = values[i];
      nan |= value != value;
      if (value > max || best < 0) {
        max = value;
        best = i - from;
      }
    }
    return nan ? -1 : best;
  }
}
