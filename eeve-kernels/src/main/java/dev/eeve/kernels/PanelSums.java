package dev.eeve.kernels;

/** Running sums of a panel, 32 a row of inputs, and the outputs and biases they belong to. */
final class PanelSums {
  private PanelSums() {}

  /** Sums that an earlier run of features left in the outputs. */
  static void goOn(float[] sums, int at, Linear.Product product, int panel) {
    float[] out = product.out().data();
    int valid = product.weight().rowsOf(panel);
    for (int r = 0; r < product.out().rows(); r++) {
      int from = product.out().index(r) + panel * Weights.PANEL_ROWS;
      int to = at + r * Weights.PANEL_ROWS;
      if (valid == Weights.PANEL_ROWS) {
        VectorTile.copyLine(out, from, sums, to);
      } else {
        System.arraycopy(out, from, sums, to, valid);
      }
    }
  }

  /** Rows of sums into the outputs. */
  static void copyOut(
      float[] sums, int at, Linear.Product product, int panel, int firstRow, int rows) {
    float[] out = product.out().data();
    int valid = product.weight().rowsOf(panel);
    for (int r = firstRow; r < firstRow + rows; r++) {
      int from = at + r * Weights.PANEL_ROWS;
      int to = product.out().index(r) + panel * Weights.PANEL_ROWS;
      if (Simd.VECTOR && valid == Weights.PANEL_ROWS) {
        VectorTile.copyLine(sums, from, out, to);
      } else {
        System.arraycopy(sums, from, out, to, valid);
      }
    }
  }

  /** Sums that start at the bias; 0 past the last row of the weights. */
  static void start(float[] sums, int at, int rows, Linear.Product product, int panel) {
    int first = panel * Weights.PANEL_ROWS;
    int valid = product.weight().rowsOf(panel);
    for (int j = 0; j < Weights.PANEL_ROWS; j++) {
      sums[at + j] = j < valid ? product.bias()[first + j] : 0f;
    }
    for (int r = 1; r < rows; r++) {
      System.arraycopy(sums, at, sums, at + r * Weights.PANEL_ROWS, Weights.PANEL_ROWS);
    }
  }
}
