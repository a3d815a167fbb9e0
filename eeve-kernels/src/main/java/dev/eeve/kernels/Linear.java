package dev.eeve.kernels;

/**
 * {@code out = in · Wᵀ + b}, by one row at a time while there are few (weights are read once, from
 * memory), by register tiles over packed rows when there are many. Both add the same products in
 * the same order, so they give the same bits.
 */
public final class Linear {
  /** From this many rows on, widening a panel once pays for itself. */
  static final int PACKED_FROM = 4;

  private static final boolean LONG = Simd.bits() == 512;

  /** From this many rows on, tiles over widened blocks are faster than one row after the other. */
  static final int BLOCKS_TILED_FROM = LONG ? 11 : 7;

  /** Up to this many rows, {@link VectorFewRows} is faster than larger tiles. */
  static final int FEW_ROWS = 32;

  /** What the first tile of a few rows costs, and each further one. */
  private static final double FIRST_TILE_COST = LONG ? 1.3 : 1.75;

  private static final double TILE_COST = 0.55;

  /** What each further row adds where rows meet the same blocks one after the other. */
  private static final double BLOCK_ROW_COST = LONG ? 0.4 : 0.65;

  /** What tiles over widened blocks cost, and each of their rows. */
  private static final double WIDENED_COST = LONG ? 3.5 : 2.2;

  private static final double WIDENED_ROW_COST = LONG ? 0.17 : 0.25;

  private Linear() {}

  /**
   * What products of a few rows cost beside one of a single row: an estimate that is the same in
   * every run, from measurements on one and two threads of a Zen 5, and with shorter vectors on two
   * of a Zen 3.
   *
   * @param type how the weights are kept
   * @param rows R, at least 1
   * @return products of one row that take as long, 1 or more
   */
  public static double blockCost(ElementType type, int rows) {
    if (rows == 1) {
      return 1;
    }
    if (!Simd.VECTOR) {
      return rows;
    }
    if (type.isBlocks()) {
      return rows < BLOCKS_TILED_FROM
          ? 1 + BLOCK_ROW_COST * (rows - 1)
          : WIDENED_COST + WIDENED_ROW_COST * rows;
    }
    int tiles = Math.ceilDiv(rows, VectorFewRows.TILE);
    return rows <= FEW_ROWS ? FIRST_TILE_COST + TILE_COST * (tiles - 1) : rows;
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
   * and at any number of threads. {@link ElementType#Q4_0} weights meet inputs rounded to 8 bits,
   * 32 features with one scale: an output then takes one fused multiply-add for each block of 32,
   * in order, of the block's exact integer sum and the product of both scales.
   *
   * @param workers the caller's threads
   * @param products what to compute; all with the same number of rows
   */
  public static void forward(Workers workers, Product... products) {
    forward(workers, false, products);
  }

  /**
   * {@link #forward} that rounds no inputs: also an output of Q4_0 weights takes one fused
   * multiply-add for each feature. What has a backward pass goes through here.
   *
   * @param workers the caller's threads
   * @param products what to compute; all with the same number of rows
   */
  public static void forwardExact(Workers workers, Product... products) {
    forward(workers, true, products);
  }

  /**
   * {@link #forward} by one level of Strassen's algorithm: seven products of half the rows, columns
   * and features in place of eight, for as many rows as {@link Blocking#strassenRows} says, or
   * twice as many of 16-bit weights, whose plain way is faster. Fewer rows, weights of an odd
   * number of panels of 32 rows or of columns that are no multiple of 64, and {@link
   * ElementType#Q4_0} take the plain way, for the whole call.
   *
   * <p>An output depends on the rows beside its own: row r meets row r + 12 of the same 24, a
   * weight row that of the next panel. It is the same at any number of threads. Errors are
   * normwise: beside a row of far larger values a row keeps fewer digits of its own. Of rows and
   * weights of one size they are 0.95 times the plain way's at 2560 features (root mean square),
   * less at more.
   *
   * @param workers the caller's threads
   * @param products what to compute; all with the same number of rows
   */
  public static void forwardByStrassen(Workers workers, Product... products) {
    int from = workers.blocking().strassenRows();
    int rows = products[0].in.rows();
    boolean pays = from > 0;
    for (Product product : products) {
      product.in.require("in", rows, product.in.columns());
      ElementType type = product.weight.type();
      boolean fasterPlain = type == ElementType.BF16 || type == ElementType.F16;
      pays &= rows >= (fasterPlain ? 2L * from : from) && StrassenJob.takes(product);
    }
    if (!pays) {
      forward(workers, false, products);
      return;
    }
    for (int first = 0; first < products.length; ) {
      int last = first + 1;
      while (last < products.length && products[last].in == products[first].in) {
        last++;
      }
      workers.strassenJob.run(workers, products, first, last);
      first = last;
    }
  }

  /**
   * The buffers that {@link #forwardByStrassen} grows to at most, beside those of {@link #forward}.
   *
   * @param rows R
   * @param columns K of the widest input
   * @param blocking block sizes
   * @param threads threads of one computation
   * @return floats, off-heap ones included; 0 where it takes the plain way
   */
  public static long strassenFloats(int rows, int columns, Blocking blocking, int threads) {
    boolean never = blocking.strassenRows() == 0 || rows < blocking.strassenRows();
    return never
        ? 0
        : StrassenJob.packedFloats(rows, columns) + threads * StrassenJob.unitFloats(rows);
  }

  private static void forward(Workers workers, boolean exact, Product... products) {
    int rows = products[0].in.rows();
    for (Product product : products) {
      product.in.require("in", rows, product.in.columns());
    }
    if (rows > 0) {
      workers.linearForwardJob.run(workers, products, exact);
    }
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
   * @param dWeight (N, K), F32: the rows that train and no others
   * @param dOut (R, N), read
   * @param in (R, K), read
   * @param overwrites whether {@code dWeight} is overwritten; else it is added to
   */
  public record WeightGradient(
      Weights dWeight, FloatMatrix dOut, FloatMatrix in, boolean overwrites) {
    /** Checks the shapes and the type. */
    public WeightGradient {
      dOut.require("dOut", in.rows(), dWeight.rows());
      in.require("in", in.rows(), dWeight.columns());
      if (dWeight.type() != ElementType.F32) {
        throw new IllegalArgumentException(
            "dWeight: " + dWeight.type() + ", needed " + ElementType.F32);
      }
    }

    /**
     * A product that is added to what is there.
     *
     * @param dWeight (N, K), F32, added to
     * @param dOut (R, N), read
     * @param in (R, K), read
     */
    public WeightGradient(Weights dWeight, FloatMatrix dOut, FloatMatrix in) {
      this(dWeight, dOut, in, false);
    }
  }

  /**
   * {@code dW += dOutᵀ · in} for each part, or {@code dW = dOutᵀ · in}; neighbours with the same
   * {@code in} share its packing.
   *
   * <p>Each element is a chain of fused multiply-adds in fp32 that starts at what is there, or at
   * 0, and goes through the token rows in order.
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
      return;
    }
    for (WeightGradient part : parts) {
      if (part.overwrites) {
        part.dWeight.fillWithZeros();
      }
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
}
