package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;

/**
 * {@code out = in · Wᵀ + b}, by one row at a time while there are few (weights are read once, from
 * memory), by register tiles over packed rows when there are many. Both add the same products in
 * the same order, so they give the same bits.
 */
public final class Linear {
  /** From this many rows on, widening a panel once pays for itself. */
  static final int PACKED_FROM = 4;

  /** Features per step where several single rows share a panel: it stays in the second cache. */
  private static final int SHARED_DEPTH = 2048;

  /** Up to this many rows, tiles that wait for no line they share are faster than larger ones. */
  static final int FEW_ROWS = 32;

  /** What each further tile of a few rows adds to the first, which a single row costs too. */
  private static final double TILE_COST = 0.55;

  private Linear() {}

  /**
   * What products of a few rows cost beside one of a single row: an estimate that is the same in
   * every run, from measurements on one and two threads of a Zen 5.
   *
   * @param type how the weights are kept
   * @param rows R, at least 1
   * @return products of one row that take as long, 1 or more
   */
  public static double blockCost(ElementType type, int rows) {
    if (rows == 1) {
      return 1;
    }
    boolean bound = Simd.VECTOR && rows <= FEW_ROWS && !type.isBlocks(); // by memory
    int tiles = Math.ceilDiv(rows, VectorFewRows.TILE);
    return bound ? 1.3 + TILE_COST * (tiles - 1) : rows;
  }

  /**
   * One product of a call.
   *
   * @param out (R, N), overwritten
   * @param in (R, K), read
   * @param weight (N, K), read
   * @param bias (N), read
   */
  public record Product(FloatMatrix out, FloatMatrix in, Weights weight, float[] bias) {
    /** Checks the shapes. */
    public Product {
      in.require("in", in.rows(), weight.columns());
      out.require("out", in.rows(), weight.rows());
      if (bias.length != weight.rows()) {
        throw new IllegalArgumentException(
            "bias: (" + bias.length + "), needed (" + weight.rows() + ")");
      }
    }
  }

  /**
   * Computes several products at once: neighbours with the same {@code in} share its packing.
   *
   * <p>Each output is a chain of fused multiply-adds in fp32 that starts at the bias and goes
   * through the features in order; it is the same at any row position, beside any number of rows
   * and at any number of threads.
   *
   * @param workers the caller's threads
   * @param products what to compute; all with the same number of rows
   */
  public static void forward(Workers workers, Product... products) {
    int rows = products[0].in.rows();
    int panels = 0;
    for (Product product : products) {
      product.in.require("in", rows, product.in.columns());
      panels += product.weight.panels();
    }
    if (rows == 0) {
      return;
    }
    ForwardJob job = workers.linearJob;
    job.products = products;
    job.depth = workers.blocking().depth();
    job.packed = null;
    job.packFew(workers, rows);
    boolean single = job.few != null || rows < PACKED_FROM && (!Simd.VECTOR || job.scaleInputs());
    if (Simd.VECTOR && !single) {
      job.pack(workers);
    }
    job.group = job.packed != null ? workers.group(panels) : Simd.VECTOR ? VectorProduct.PANELS : 1;
    int units = 0;
    for (Product product : products) {
      units += job.units(product);
    }
    workers.run(job, units);
    job.products = null;
  }

  /**
   * One product of a backward pass towards the inputs.
   *
   * @param dOut (R, N), read
   * @param weight (N, K), read
   */
  public record InputGradient(FloatMatrix dOut, Weights weight) {
    /** Checks the shapes. */
    public InputGradient {
      dOut.require("dOut", dOut.rows(), weight.rows());
    }
  }

  /**
   * {@code dIn = Σ dOut · W} over all parts: what several layers that read one input, or the rows
   * of one layer, send back to it.
   *
   * <p>Each element is a chain of fused multiply-adds in fp32 that starts at 0 and goes through the
   * parts, and through the output features of each, in order.
   *
   * @param workers the caller's threads
   * @param dIn (R, K), overwritten
   * @param parts at least one
   */
  public static void backwardInput(Workers workers, FloatMatrix dIn, InputGradient... parts) {
    for (InputGradient part : parts) {
      part.dOut.require("dOut", dIn.rows(), part.weight.rows());
      dIn.require("dIn", dIn.rows(), part.weight.columns());
    }
    if (dIn.rows() > 0) {
      workers.linearInputJob.run(workers, dIn, parts);
    }
  }

  /**
   * One product of a backward pass towards the weights.
   *
   * @param dWeight (N, K), F32, added to: the rows that train and no others
   * @param dOut (R, N), read
   * @param in (R, K), read
   */
  public record WeightGradient(Weights dWeight, FloatMatrix dOut, FloatMatrix in) {
    /** Checks the shapes and the type. */
    public WeightGradient {
      dOut.require("dOut", in.rows(), dWeight.rows());
      in.require("in", in.rows(), dWeight.columns());
      if (dWeight.type() != ElementType.F32) {
        throw new IllegalArgumentException(
            "dWeight: " + dWeight.type() + ", needed " + ElementType.F32);
      }
    }
  }

  /**
   * {@code dW += dOutᵀ · in} for each part; neighbours with the same {@code in} share its packing.
   *
   * <p>Each element is a chain of fused multiply-adds in fp32 that starts at what is there and goes
   * through the token rows in order.
   *
   * @param workers the caller's threads
   * @param parts what to compute; all with the same number of token rows
   */
  public static void backwardWeight(Workers workers, WeightGradient... parts) {
    for (WeightGradient part : parts) {
      part.in.require("in", parts[0].in.rows(), part.in.columns());
    }
    if (parts.length > 0 && parts[0].in.rows() > 0) {
      workers.linearWeightJob.run(workers, parts);
    }
  }

  /**
   * {@code db += Σ dOut} over the token rows, in order, for some of the output features.
   *
   * @param workers the caller's threads
   * @param dBias the gradients of features {@code first … first + dBias.length}, added to
   * @param dOut (R, N), read
   * @param first the first feature
   */
  public static void backwardBias(Workers workers, float[] dBias, FloatMatrix dOut, int first) {
    if (first < 0 || first > dOut.columns() - dBias.length) {
      throw new IllegalArgumentException(
          "dBias: (%d) from %d, dOut has %d columns"
              .formatted(dBias.length, first, dOut.columns()));
    }
    workers.columnSumJob.run(workers, dBias, dOut, first);
  }

  /** One unit is a group of panels of 32 weight rows times all input rows. */
  static final class ForwardJob extends Job {
    private Product[] products;
    private PackRowsJob packed;
    private PackFewRowsJob few;
    private int depth;
    private int group;

    /** Whether tiles read weights as they are stored, without a widened block between. */
    private boolean direct;

    /** Makes sure that reading ahead is not left out: nobody reads it. */
    private int readAhead;

    /** The few rows of inputs that meet F16 weights, scaled; where they start for product i. */
    private float[] scaled = {};

    private int[] starts = {};

    /**
     * Scales the inputs of F16 weights for {@link VectorProduct}.
     *
     * @return false where one is so large that only the packed product can take it
     */
    private boolean scaleInputs() {
      int size = 0;
      if (starts.length < products.length) {
        starts = new int[products.length];
      }
      for (int i = 0; i < products.length; i++) {
        boolean shared = i > 0 && products[i].in == products[i - 1].in;
        starts[i] = shared ? starts[i - 1] : size;
        size += shared ? 0 : products[i].in.rows() * products[i].in.columns();
      }
      if (scaled.length < size) {
        scaled = new float[size];
      }
      boolean fits = true;
      for (int i = 0; i < products.length; i++) {
        FloatMatrix in = products[i].in;
        for (int r = 0; r < in.rows() && products[i].weight.type() == ElementType.F16; r++) {
          int at = starts[i] + r * in.columns();
          fits &= VectorProduct.scale(scaled, at, in.data(), in.index(r), in.columns());
        }
      }
      return fits;
    }

    private boolean anyBlocks() {
      boolean any = false;
      for (int i = 0; i < products.length; i++) {
        any |= products[i].weight.type().isBlocks();
      }
      return any;
    }

    /** Packs a few rows of inputs, unless there are more or their weights are blocks. */
    private void packFew(Workers workers, int rows) {
      boolean suits = Simd.VECTOR && rows > 1 && rows <= FEW_ROWS && !anyBlocks();
      few = suits && workers.packFewRowsJob.pack(workers, products) ? workers.packFewRowsJob : null;
    }

    /** Packs the inputs; those of F16 weights scaled, unless a value is too large for it. */
    private void pack(Workers workers) {
      packed = workers.packRowsJob;
      direct = VectorStoredTile.FITS && !anyBlocks();
      if (!packInputs(workers)) {
        direct = false;
        packInputs(workers);
      }
    }

    private boolean packInputs(Workers workers) {
      packed.begin(products.length);
      for (int i = 0; i < products.length; i++) {
        packed.set(i, products[i].in, direct && products[i].weight.type() == ElementType.F16);
      }
      return packed.pack(workers, depth);
    }

    /** Units of a product. */
    private int units(Product product) {
      return (product.weight.panels() + group - 1) / group;
    }

    @Override
    void run(int unit, Scratch scratch) {
      int i = 0;
      int rest = unit;
      while (rest >= units(products[i])) {
        rest -= units(products[i++]);
      }
      Product product = products[i];
      int first = rest * group;
      int panels = Math.min(group, product.weight.panels() - first);
      int rows = product.in.rows();
      int tile = few != null ? VectorFewRows.TILE : packed != null ? VectorTile.ROWS : 1;
      int padded = roundUp(rows, tile);
      int size = padded * Weights.PANEL_ROWS;
      float[] sums = scratch.floats(Scratch.Use.PRODUCT, group * size);
      for (int p = 0; p < panels; p++) {
        startAtBias(sums, p * size, padded, product, first + p);
      }
      if (packed != null) {
        addTiles(sums, size, product, i, first, panels, scratch);
        return;
      }
      if (few != null) {
        addFewRows(sums, size, i, first, panels);
      } else if (rows < PACKED_FROM) {
        addSingleRows(sums, size, i, first, panels, scratch);
      } else {
        addScalarBlocks(sums, product, first, scratch);
      }
      for (int p = 0; p < panels; p++) {
        copyOut(sums, p * size, product, first + p, 0, rows);
      }
    }

    private static void copyOut(
        float[] sums, int at, Product product, int panel, int firstRow, int rows) {
      float[] out = product.out.data();
      int valid = product.weight.rowsOf(panel);
      for (int r = firstRow; r < firstRow + rows; r++) {
        int from = at + r * Weights.PANEL_ROWS;
        int to = product.out.index(r) + panel * Weights.PANEL_ROWS;
        if (Simd.VECTOR && valid == Weights.PANEL_ROWS) {
          VectorTile.copyLine(sums, from, out, to);
        } else {
          System.arraycopy(sums, from, out, to, valid);
        }
      }
    }

    private static void startAtBias(float[] sums, int at, int rows, Product product, int panel) {
      int first = panel * Weights.PANEL_ROWS;
      int valid = product.weight.rowsOf(panel);
      for (int j = 0; j < Weights.PANEL_ROWS; j++) {
        sums[at + j] = j < valid ? product.bias[first + j] : 0f;
      }
      for (int r = 1; r < rows; r++) {
        System.arraycopy(sums, at, sums, at + r * Weights.PANEL_ROWS, Weights.PANEL_ROWS);
      }
    }

    private void addSingleRows(
        float[] sums, int size, int i, int panel, int panels, Scratch scratch) {
      FloatMatrix in = products[i].in;
      Weights weight = products[i].weight;
      boolean scales = Simd.VECTOR && weight.type() == ElementType.F16;
      float[] x = scales ? scaled : in.data();
      float[] line = scratch.floats(Scratch.Use.WEIGHTS, Weights.PANEL_ROWS);
      int step = in.rows() == 1 ? in.columns() : SHARED_DEPTH;
      for (int k = 0; k < in.columns(); k += step) {
        int to = Math.min(in.columns(), k + step);
        for (int r = 0; r < in.rows(); r++) {
          int y = r * Weights.PANEL_ROWS;
          int from = scales ? starts[i] + r * in.columns() : in.index(r);
          if (Simd.VECTOR && !weight.type().isBlocks()) {
            int last = panels - 1; // a single panel is met twice, the second time for nothing
            VectorProduct.addFeatures(
                sums, y, size + y, x, from, weight, panel, panel + last, k, to, line);
          } else {
            for (int p = 0; p < panels; p++) {
              ScalarProduct.addFeatures(
                  sums, p * size + y, x, from, weight, panel + p, k, to, line);
            }
          }
        }
      }
    }

    /** A step's lines stay in the first cache until every tile of rows has met them. */
    private void addFewRows(float[] sums, int size, int i, int panel, int panels) {
      Weights weight = products[i].weight;
      int other = panel + panels - 1; // a single panel is met twice, the second time for nothing
      for (int k = 0; k < weight.columns(); k += VectorFewRows.DEPTH) {
        int to = Math.min(weight.columns(), k + VectorFewRows.DEPTH);
        for (int row = 0; row < products[i].in.rows(); row += VectorFewRows.TILE) {
          int y = row * Weights.PANEL_ROWS;
          int x = few.index(i, row, k);
          VectorFewRows.add(sums, y, size + y, few.buffer, x, weight, panel, other, k, to);
        }
      }
    }

    /** A tile of rows stays in the first cache while it meets the group's panels. */
    private void addTiles(
        float[] sums,
        int size,
        Product product,
        int i,
        int firstPanel,
        int panels,
        Scratch scratch) {
      int columns = product.in.columns();
      for (int k = 0; k < columns; k += depth) {
        int features = Math.min(depth, columns - k);
        MemorySegment blocks = null;
        if (!direct) {
          blocks = scratch.segment(Scratch.Use.WEIGHTS, 4L * group * depth * Weights.PANEL_ROWS);
          VectorWidening.widen(
              product.weight, firstPanel, panels, k, k + features, blocks, scratch);
        }
        for (int row = 0; row < product.in.rows(); row += VectorTile.ROWS) {
          int in = packed.index(i, k, row, features);
          int count = Math.min(VectorTile.ROWS, product.in.rows() - row);
          for (int p = 0; p < panels; p++) {
            int out = p * size + row * Weights.PANEL_ROWS;
            if (direct) {
              addStored(sums, out, in, product.weight, firstPanel, p, k, features, row, count);
            } else {
              addWidened(sums, out, in, blocks, p, features, count);
            }
          }
          if (k + features == columns) { // stored a little at a time: memory takes it meanwhile
            for (int p = 0; p < panels; p++) {
              copyOut(sums, p * size, product, firstPanel + p, row, count);
            }
          }
        }
      }
    }

    /** Before the first tile, lines are read ahead: a tile alone waits for each of them. */
    private void addStored(
        float[] sums,
        int out,
        int in,
        Weights weight,
        int firstPanel,
        int p,
        int k,
        int features,
        int row,
        int count) {
      int panel = firstPanel + p;
      if (row == 0 && (p == 0 || !weight.sharesLine(panel - 1))) {
        readAhead += VectorStoredTile.readAhead(weight, panel, k, features);
      }
      VectorStoredTile.add(sums, out, packed.buffer, in, weight, panel, k, features, count);
    }

    private void addWidened(
        float[] sums, int out, int in, MemorySegment blocks, int p, int features, int count) {
      long block = 4L * p * features * Weights.PANEL_ROWS;
      for (int c = 0; c < Weights.PANEL_ROWS; c += VectorTile.COLUMNS) {
        long from = block + 4L * c * features;
        VectorTile.add(sums, out + c, packed.buffer, in, blocks, from, features, count);
      }
    }

    private void addScalarBlocks(float[] sums, Product product, int panel, Scratch scratch) {
      int columns = product.in.columns();
      float[] block = scratch.floats(Scratch.Use.WEIGHTS, depth * Weights.PANEL_ROWS);
      for (int k = 0; k < columns; k += depth) {
        int to = Math.min(columns, k + depth);
        ScalarProduct.widen(product.weight, panel, k, to, block);
        ScalarProduct.addBlock(sums, product.in, k, to - k, block);
      }
    }

    private static int roundUp(int n, int multiple) {
      return (n + multiple - 1) / multiple * multiple;
    }
  }
}
