package dev.eeve.kernels;

/** What {@link StrassenJob} computes of a tile, without vectors: the specification. */
final class ScalarStrassen {
  private static final int COLUMNS = Weights.PANEL_ROWS;

  private ScalarStrassen() {}

  /**
   * {@code line[c] = first[c] ± second[c]}, rounded once.
   *
   * @param line 32 floats, overwritten
   * @param first 32 floats from {@code firstAt}
   * @param second 32 floats from {@code secondAt}
   */
  static void combine(
      float[] line, float[] first, int firstAt, float[] second, int secondAt, boolean minus) {
    for (int c = 0; c < COLUMNS; c++) {
      float other = second[secondAt + c];
      line[c] = minus ? first[firstAt + c] - other : first[firstAt + c] + other;
    }
  }

  /**
   * {@code out[r][c] += in[r] · line[c]}, one fused multiply-add each.
   *
   * @param out rows of 32 floats, added to
   * @param in from {@code inAt}, one value a row
   */
  static void multiply(float[] out, float[] in, int inAt, float[] line, int lineAt, int rows) {
    for (int r = 0; r < rows; r++) {
      float value = in[inAt + r];
      for (int c = 0; c < COLUMNS; c++) {
        out[r * COLUMNS + c] = Math.fma(value, line[lineAt + c], out[r * COLUMNS + c]);
      }
    }
  }

  /** {@code sums += sign · product}. */
  static void add(float[] sums, int at, float sign, float[] product, int count) {
    for (int i = 0; i < count; i++) {
      sums[at + i] = Math.fma(product[i], sign, sums[at + i]);
    }
  }
}
