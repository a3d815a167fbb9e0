package dev.eeve.kernels;

/**
 * fp32 to bfloat16, up or down by chance so that the mean is exact: 16 random bits are added below
 * the last bit that stays, and the rest is cut off. The bits are a hash (Wellons' lowbias32, 2018)
 * of a seed and the element's place, so they depend on nothing else.
 */
final class StochasticRounding {
  private static final int HALF = Weights.PANEL_ROWS / 2;

  private StochasticRounding() {}

  /** 32 random bits: the lower 16 for row j of a pair, the upper for row 16 + j. */
  static int bits(int seed, int place) {
    int x = place * 0x9E3779B1 + seed;
    x ^= x >>> 16;
    x *= 0x7feb352d;
    x ^= x >>> 15;
    x *= 0x846ca68b;
    return x ^ x >>> 16;
  }

  /** fp32 values of a panel's lines from their ints, which stand {@code stride} apart. */
  static void widen(float[] values, int[] ints, int at, int stride, int lines) {
    for (int line = 0; line < lines; line++) {
      int to = line * Weights.PANEL_ROWS;
      int from = at + line * stride;
      for (int j = 0; j < HALF; j++) {
        values[to + j] = Float.intBitsToFloat(ints[from + j] << 16);
        values[to + HALF + j] = Float.intBitsToFloat(ints[from + j] & 0xFFFF0000);
      }
    }
  }

  /**
   * The specification of the way back.
   *
   * @param place of the first line's first int; the next line's is 16 later
   * @return whether all are finite
   */
  static boolean narrow(
      int[] ints, int at, int stride, float[] values, int lines, int seed, int place) {
    if (Simd.VECTOR) {
      return VectorStochasticRounding.narrow(ints, at, stride, values, lines, seed, place);
    }
    int carried = 0;
    for (int line = 0; line < lines; line++) {
      int from = line * Weights.PANEL_ROWS;
      int to = at + line * stride;
      for (int j = 0; j < HALF; j++) {
        int random = bits(seed, place + line * HALF + j);
        int low = Float.floatToRawIntBits(values[from + j]) + (random & 0xFFFF);
        int high = Float.floatToRawIntBits(values[from + HALF + j]) + (random >>> 16);
        carried |= (low & 0x7F800000) + 0x00800000 | (high & 0x7F800000) + 0x00800000;
        ints[to + j] = low >>> 16 | high & 0xFFFF0000;
      }
    }
    return carried >= 0;
  }
}
