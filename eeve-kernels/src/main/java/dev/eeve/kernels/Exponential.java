package dev.eeve.kernels;

/**
 * e^x in fp32, the same bits from the scalar and the vector form, interpreted or compiled: x = n ln
 * 2 + r, a polynomial in r, and n added to the exponent. Relative error below 2e-7 for x in [−87,
 * 88]; 0 below −87, e^88 above 88. (The Vector API's own EXP gives other bits once compiled.)
 */
final class Exponential {
  static final float MAX = 88f;
  static final float MIN = -87f;
  static final float LOG2_E = 1.44269504f;
  static final float LN2_HIGH = 0.693359375f;
  static final float LN2_LOW = -2.12194440e-4f;

  /** 1.5 · 2^23: adding it rounds to an integer that then stands in the lowest bits. */
  static final float ROUND = 12582912f;

  // Minimax coefficients of Cephes' expf (Moshier).
  static final float P0 = 1.9875691500e-4f;
  static final float P1 = 1.3981999507e-3f;
  static final float P2 = 8.3334519073e-3f;
  static final float P3 = 4.1665795894e-2f;
  static final float P4 = 1.6666665459e-1f;
  static final float P5 = 5.0000001201e-1f;

  private Exponential() {}

  static float exp(float x) {
    if (x < MIN) {
      return 0f;
    }
    float y = Math.min(x, MAX);
    float rounded = Math.fma(y, LOG2_E, ROUND);
    float n = rounded - ROUND;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, y));
    float p = Math.fma(P0, r, P1);
    p = Math.fma(p, r, P2);
    p = Math.fma(p, r, P3);
    p = Math.fma(p, r, P4);
    p = Math.fma(p, r, P5);
    p = Math.fma(p, r * r, r) + 1f;
    return Float.intBitsToFloat(
        Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(rounded) << 23));
  }

  /** {@code x = e^(x − max)}, in place. */
  static void expMinus(float[] x, int at, int count, float max) {
    // Attention's ends are shorter than a vector: a loop never entered would be compiled as cold.
    boolean vectors = Simd.VECTOR && count * Float.SIZE >= Simd.bits();
    int done = vectors ? VectorExponential.expMinus(x, at, count, max) : 0;
    for (int i = at + done; i < at + count; i++) {
      x[i] = exp(x[i] - max);
    }
  }
}
