package dev.eeve.kernels;

/**
 * Numbers of 0 to 1 in 8 bits by the dynamic map of Dettmers et al. (2022, "8-bit Optimizers via
 * Block-wise Quantization"): seven decades down from 1, each cut into twice as many equal bins as
 * the one below it, so that small numbers keep their size and large ones their precision. Code 0 is
 * 0 and the last code is 1; every other stands for the middle of its bin.
 *
 * <p>Unsigned codes have 2, 4 … 128 bins a decade: half a bin is 0.4 % of 1, 3.5 % of 0.1, and
 * twice as much of each decade below. Signed ones spend a bit on the sign and have half as many.
 * What is more than seven decades below its block's largest counts as 0 if signed, else as the
 * least number: updates by {@code m / √v} of elements whose gradients are that much smaller than a
 * neighbour's get shorter, never longer.
 */
final class DynamicCode {
  private static final int DECADES = 7;

  /** For first moments: the sign is bit 7. */
  static final DynamicCode SIGNED = new DynamicCode(1, true);

  /** For second moments: what is not 0 never becomes 0. */
  static final DynamicCode UNSIGNED = new DynamicCode(2, false);

  /** The number of each code. */
  final float[] numbers = new float[256];

  /** Where decade i begins; the first one's numbers are smaller than any. */
  final float[] starts = new float[DECADES];

  /** In decade i the code is {@code (int) (x · slopes[i] + offsets[i])}. */
  final float[] slopes = new float[DECADES];

  final float[] offsets = new float[DECADES];

  /** The code of 1. */
  final int top;

  final boolean signed;

  private DynamicCode(int lowest, boolean signed) {
    this.signed = signed;
    this.top = signed ? 127 : 255;
    int first = 1;
    for (int i = 0; i < DECADES; i++) {
      int bins = lowest << i;
      double end = StrictMath.pow(10, i - (DECADES - 1));
      for (int bin = 0; bin < bins; bin++) {
        numbers[first + bin] = (float) (end * (0.1 + 0.9 * (bin + 0.5) / bins));
      }
      starts[i] = i == 0 ? 0 : (float) (end / 10);
      slopes[i] = (float) (bins / (0.9 * end));
      offsets[i] = (float) (first - bins / 9.0);
      first += bins;
    }
    numbers[top] = 1;
    for (int code = 0; signed && code < 128; code++) {
      numbers[128 + code] = -numbers[code];
    }
  }

  /** The specification: the code of {@code value / largest}, where {@code inverse} is its 1. */
  int encode(float value, float inverse) {
    float x = Math.abs(value) * inverse;
    float slope = slopes[0];
    float offset = offsets[0];
    for (int i = 1; i < DECADES; i++) {
      if (x >= starts[i]) {
        slope = slopes[i];
        offset = offsets[i];
      }
    }
    int code = Math.min((int) Math.fma(x, slope, offset), top);
    if (signed) {
      return code | Float.floatToRawIntBits(value) >>> 31 << 7;
    }
    return value > 0 ? Math.max(code, 1) : 0;
  }
}
