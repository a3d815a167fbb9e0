package dev.eeve.kernels;

/**
 * Running sums of a width of weight rows, a row of inputs after the other, and the outputs and
 * biases they belong to. Where the width reaches past the weights' first or last row, sums there
 * count for nothing.
 */
final class PanelSums {
  private PanelSums() {}

  /** Sums that start at the bias; 0 before the first and past the last row of the weights. */
  static void start(
      float[] sums, int at, int width, int rows, Linear.Product product, int firstFeature) {
    int features = product.weight().rows();
    for (int j = 0; j < width; j++) {
      int n = firstFeature + j;
      sums[at + j] = n >= 0 && n < features ? product.bias()[n] : 0f;
    }
    for (int r = 1; r < rows; r++) {
      System.arraycopy(sums, at, sums, at + r * width, width);
    }
  }

  /** Sums that an earlier run of features left in the outputs. */
  static void goOn(float[] sums, int at, int width, Linear.Product product, int firstFeature) {
    float[] out = product.out().data();
    int from = Math.max(0, firstFeature);
    int count = Math.min(firstFeature + width, product.weight().rows()) - from;
    for (int r = 0; r < product.out().rows(); r++) {
      copy(out, product.out().index(r) + from, sums, at + r * width + from - firstFeature, count);
    }
  }

  /** Some rows of sums into the outputs. */
  static void copyOut(
      float[] sums,
      int at,
      int width,
      Linear.Product product,
      int firstFeature,
      int firstRow,
      int rows) {
    float[] out = product.out().data();
    int from = Math.max(0, firstFeature);
    int count = Math.min(firstFeature + width, product.weight().rows()) - from;
    for (int r = firstRow; r < firstRow + rows; r++) {
      copy(sums, at + r * width + from - firstFeature, out, product.out().index(r) + from, count);
    }
  }

  static void copy(float[] from, int at, float[] to, int toAt, int count) {
    if (Simd.VECTOR && count == Weights.PANEL_ROWS) {
      VectorTile.copyLine(from, at, to, toAt);
    } else {
      System.arraycopy(from, at, to, toAt, count);
    }
  }
}
