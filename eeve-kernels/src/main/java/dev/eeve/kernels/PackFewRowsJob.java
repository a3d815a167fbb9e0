package dev.eeve.kernels;

/**
 * Packs the few rows of each product but those of blocks for {@link VectorFewRows}: tile by tile,
 * column by column, the tile's rows side by side, rows past the last zero. Inputs of F16 weights
 * are scaled on the way.
 */
final class PackFewRowsJob extends Job {
  private static final int TILE = VectorFewRows.TILE;

  /** Columns of one unit. */
  private static final int COLUMNS = 512;

  float[] buffer = {};
  private Linear.Product[] products;
  private int[] starts = {};
  private int[] firstUnits = {};
  private volatile boolean fits;

  /**
   * Packs the inputs of all products, which have equally many rows.
   *
   * @return false where an input of F16 weights is so large that scaling it overflows
   */
  boolean pack(Workers workers, Linear.Product[] products) {
    this.products = products;
    if (starts.length < products.length) {
      starts = new int[products.length];
      firstUnits = new int[products.length + 1];
    }
    int size = 0;
    int units = 0;
    for (int i = 0; i < products.length; i++) {
      FloatMatrix in = products[i].in();
      starts[i] = shared(i) ? starts[i - 1] : size;
      firstUnits[i] = units;
      if (packs(i) && !shared(i)) {
        size += Math.ceilDiv(in.rows(), TILE) * TILE * in.columns();
        units += Math.ceilDiv(in.columns(), COLUMNS);
      }
    }
    firstUnits[products.length] = units;
    if (buffer.length < size) {
      buffer = new float[size];
    }
    fits = true;
    workers.run(this, units);
    return fits;
  }

  /** Where feature {@code k} of the tile of row {@code first} stands for product {@code i}. */
  int index(int i, int first, int k) {
    return starts[i] + first * products[i].in().columns() + k * TILE;
  }

  private boolean shared(int i) {
    return i > 0
        && packs(i - 1)
        && products[i].in() == products[i - 1].in()
        && scales(i) == scales(i - 1);
  }

  private boolean packs(int i) {
    return !products[i].weight().type().isBlocks();
  }

  private boolean scales(int i) {
    return products[i].weight().type() == ElementType.F16;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int i = 0;
    while (unit >= firstUnits[i + 1]) {
      i++;
    }
    FloatMatrix in = products[i].in();
    int from = (unit - firstUnits[i]) * COLUMNS;
    int to = Math.min(in.columns(), from + COLUMNS);
    float scale = scales(i) ? VectorProduct.F16_SCALE : 1f;
    float largest = 0f;
    for (int first = 0; first < in.rows(); first += TILE) {
      int at = index(i, first, 0);
      for (int r = 0; r < TILE; r++) {
        boolean exists = first + r < in.rows();
        int row = exists ? in.index(first + r) : 0;
        for (int k = from; k < to; k++) {
          float value = exists ? in.data()[row + k] : 0f;
          largest = Math.max(largest, Math.abs(value));
          buffer[at + k * TILE + r] = value * scale;
        }
      }
    }
    if (scale != 1f && !(largest < VectorProduct.F16_LIMIT)) {
      fits = false;
    }
  }
}
