package dev.eeve.kernels;

/** Single rows of inputs of F16 weights, scaled for {@link VectorProduct}; shared by neighbours. */
final class ScaledRows {
  private float[] values = {};
  private int[] starts = {};

  /**
   * Scales what meets F16 weights.
   *
   * @param products of one row each
   * @return false where a value is so large that only the packed product can take it
   */
  boolean scale(Linear.Product[] products) {
    int size = 0;
    if (starts.length < products.length) {
      starts = new int[products.length];
    }
    for (int i = 0; i < products.length; i++) {
      boolean shared = i > 0 && products[i].in() == products[i - 1].in();
      starts[i] = shared ? starts[i - 1] : size;
      size += shared ? 0 : products[i].in().columns();
    }
    if (values.length < size) {
      values = new float[size];
    }
    boolean fits = true;
    for (int i = 0; i < products.length; i++) {
      FloatMatrix in = products[i].in();
      if (products[i].weight().type() == ElementType.F16) {
        fits &= VectorProduct.scale(values, starts[i], in.data(), in.index(0), in.columns());
      }
    }
    return fits;
  }

  float[] values() {
    return values;
  }

  /** Where the row of product i starts. */
  int start(int i) {
    return starts[i];
  }
}
