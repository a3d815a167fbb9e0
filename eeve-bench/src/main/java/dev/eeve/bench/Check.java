package dev.eeve.bench;

import dev.eeve.kernels.FloatMatrix;
import java.util.SplittableRandom;

/** Compares a kernel's results with a plain computation in double. */
final class Check {
  /** Half the distance from 1 to the next float: one rounding's share. */
  static final double ROUNDING = 0x1p-24;

  private Check() {}

  /**
   * Refuses a result too far away.
   *
   * @param bound largest difference that rounding explains
   */
  static void near(String what, double expected, double found, double bound) {
    if (!(Math.abs(expected - found) <= bound)) {
      throw new IllegalStateException(
          "%s: %s, needed %s ± %s; the kernel is wrong".formatted(what, found, expected, bound));
    }
  }

  /** Fills with values in −scale … scale. */
  static float[] random(SplittableRandom random, int count, double scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) ((2 * random.nextDouble() - 1) * scale);
    }
    return values;
  }

  /**
   * Moves values of −1 … 1 to what every type of cache holds exactly: n / 128 with the largest n in
   * each 32 features of a head, so that the scale of Q8_0 is 1 / 128.
   */
  static FloatMatrix exact(FloatMatrix matrix, int headSize) {
    float[] data = matrix.data();
    for (int i = 0; i < data.length; i++) {
      data[i] = i % headSize % 32 == 0 ? 127 / 128f : Math.round(data[i] * 127) / 128f;
    }
    return matrix;
  }

  /** A few indices below a count: both ends and some between. */
  static int[] samples(int count) {
    return new int[] {0, count / 3, count / 2, count - 1};
  }
}
