package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * {@link Linear#forwardByStrassen}: one level of Strassen's seven products in place of eight.
 *
 * <p>Input rows r and r + 12 of each 24 (of the last few the two halves), neighbouring panels of
 * weight rows, and features k and k + {@link #HALF} of each block make the quadrants. Combinations
 * of inputs are packed once for all weights, those of weights formed in registers ({@link
 * VectorPairTile}), so that weights are widened but never written twice. Products start at 0 for
 * each block of features and are added to the sums at its end; chains that short round less, which
 * makes up for what the combinations round.
 *
 * <p>One unit is a pair of panels times all input rows. Nothing depends on the vectors' length, on
 * threads or on {@link Blocking}.
 */
final class StrassenJob extends Job {
  /** Features of a quadrant at most. */
  static final int HALF = 640;

  /** Features whose inputs are packed at once; see {@link LinearForwardJob}. */
  private static final int STRETCH = 4 * HALF;

  private static final int TILE = 12;
  private static final int PAIR = 2 * TILE;

  /** Rows that stand side by side in the packing. */
  private static final int ROWS = Simd.VECTOR ? VectorTile.ROWS : TILE;

  private static final int COLUMNS = Weights.PANEL_ROWS;
  private static final Seventh[] SEVENTHS = Seventh.values();
  private static final int COUNT = SEVENTHS.length;

  /** Columns of a strip that is packed at once: it stays in the first cache. */
  private static final int STRIP = 64;

  /** Whether panels of F32 are read where they are, without a widened block between. */
  private static final boolean FITS = Simd.VECTOR && VectorStoredTile.FITS;

  private float[] packed = {};
  private Linear.Product[] products;

  /** The products of this run, which read one input. */
  private int first;

  private int last;
  private int rows;
  private int pairs;

  /** The features of this stretch. */
  private int from;

  private int to;
  private boolean packing;

  /** Makes sure that reading ahead is not left out: nobody reads it. */
  private int readAhead;

  /**
   * One of the seven: a combination of inputs, packed under its ordinal, times a combination of the
   * weights' quadrants goes to some quadrants of the outputs. A weight's quadrant is the half of
   * the features, plus 2 for the second panel; an output's the half of the rows, plus 2 likewise.
   */
  private enum Seventh {
    M1(0, 3, false, 0, 1, 3, 1),
    M2(0, -1, false, 1, 1, 3, -1),
    M3(2, 3, true, 2, 1, 3, 1),
    M4(1, 0, true, 0, 1, 1, 1),
    M5(3, -1, false, 0, -1, 2, 1),
    M6(0, 2, false, 3, 1, -1, 0),
    M7(1, 3, false, 0, 1, -1, 0);

    final int weight;
    final int otherWeight;
    final boolean minus;
    final int out;
    final float sign;
    final int otherOut;
    final float otherSign;

    Seventh(
        int weight,
        int otherWeight,
        boolean minus,
        int out,
        float sign,
        int otherOut,
        float otherSign) {
      this.weight = weight;
      this.otherWeight = otherWeight;
      this.minus = minus;
      this.out = out;
      this.sign = sign;
      this.otherOut = otherOut;
      this.otherSign = otherSign;
    }
  }

  /** Floats of the packing for inputs of {@code rows} rows. */
  static long packedFloats(long rows, int columns) {
    return COUNT * pairs(rows) * TILE * (Math.min(columns, STRETCH) / 2);
  }

  /** Floats a thread takes for a unit: the sums of two panels, a tile, the widened quadrants. */
  static long unitFloats(long rows) {
    return 2 * sums(rows) + (TILE + 4L * HALF) * COLUMNS;
  }

  private static long pairs(long rows) {
    return (rows + PAIR - 1) / PAIR;
  }

  /** Sums of a panel. */
  private static long sums(long rows) {
    return rows * COLUMNS;
  }

  /** Whether a product has a form that this takes: whole pairs of panels and of blocks. */
  static boolean takes(Linear.Product product) {
    Weights weight = product.weight();
    return weight.panels() % 2 == 0
        && weight.columns() % (2 * BlockLayout.COLUMNS) == 0
        && weight.type() != ElementType.Q4_0; // has a faster way
  }

  /** Runs products {@code first … last}, whose input is one matrix. */
  void run(Workers workers, Linear.Product[] products, int first, int last) {
    this.products = products;
    this.first = first;
    this.last = last;
    FloatMatrix in = products[first].in();
    rows = in.rows();
    pairs = (int) pairs(rows);
    int size = Math.toIntExact(packedFloats(rows, in.columns()));
    if (packed.length < size) {
      packed = new float[size];
    }
    int units = 0;
    for (int i = first; i < last; i++) {
      units += products[i].weight().panels() / 2;
    }
    for (from = 0; from < in.columns(); from = to) {
      to = Math.min(in.columns(), from + STRETCH);
      packing = true;
      workers.run(this, pairs);
      packing = false;
      workers.run(this, units);
    }
    this.products = null;
  }

  @Override
  void run(int unit, Scratch scratch) {
    if (packing) {
      pack(unit, scratch);
      return;
    }
    int i = first;
    int rest = unit;
    while (rest >= products[i].weight().panels() / 2) {
      rest -= products[i++].weight().panels() / 2;
    }
    multiply(products[i], 2 * rest, scratch);
  }

  /** Rows of a pair's first half. */
  private int upper(int pair) {
    return (Math.min(PAIR, rows - pair * PAIR) + 1) / 2;
  }

  /** Rows of a pair's second half. */
  private int lower(int pair) {
    return Math.min(PAIR, rows - pair * PAIR) / 2;
  }

  /** Features of a quadrant of the block that starts at {@code k}. */
  private int half(int k) {
    return Math.min(HALF, (to - k) / 2);
  }

  /** Where the tile of a pair and a seventh is, for the block of features that starts at k. */
  private int index(int k, int pair, int seventh) {
    int before = COUNT * pairs * TILE * ((k - from) / 2);
    return before + (pair * COUNT + seventh) * TILE * half(k);
  }

  private void pack(int pair, Scratch scratch) {
    FloatMatrix in = products[first].in();
    int size = ROWS * STRIP;
    float[] quadrants = scratch.floats(Scratch.Use.LINES, 4 * size);
    int upper = upper(pair);
    for (int k = from; k < to; k += 2 * half(k)) {
      int half = half(k);
      for (int tile = 0; tile < TILE; tile += ROWS) {
        for (int f = 0; f < half; f += STRIP) {
          int width = Math.min(STRIP, half - f);
          int row = pair * PAIR + tile;
          int column = k + f;
          copy(in, row, upper - tile, column, width, quadrants, 0);
          copy(in, row, upper - tile, column + half, width, quadrants, size);
          copy(in, row + upper, lower(pair) - tile, column, width, quadrants, 2 * size);
          copy(in, row + upper, lower(pair) - tile, column + half, width, quadrants, 3 * size);
          int at = index(k, pair, 0) + tile * half + f * ROWS;
          combine(quadrants, size, packed, at, TILE * half, width * ROWS);
        }
      }
    }
  }

  /** Columns of some rows, the rows of a column side by side; 0 for those that are not there. */
  private static void copy(
      FloatMatrix in, int row, int count, int column, int width, float[] target, int at) {
    for (int r = 0; r < ROWS; r++) {
      if (r < count) {
        float[] x = in.data();
        int from = in.index(row + r) + column;
        for (int f = 0; f < width; f++) {
          target[at + f * ROWS + r] = x[from + f];
        }
      } else {
        for (int f = 0; f < width; f++) {
          target[at + f * ROWS + r] = 0;
        }
      }
    }
  }

  /** The inputs of the seven products, in order, {@code step} apart. */
  private static void combine(float[] in, int size, float[] out, int at, int step, int count) {
    for (int i = 0; i < count; i++) {
      float a11 = in[i];
      float a12 = in[i + size];
      float a21 = in[i + 2 * size];
      float a22 = in[i + 3 * size];
      out[at + i] = a11 + a22;
      out[at + i + step] = a21 + a22;
      out[at + i + 2 * step] = a11;
      out[at + i + 3 * step] = a22;
      out[at + i + 4 * step] = a11 + a12;
      out[at + i + 5 * step] = a21 - a11;
      out[at + i + 6 * step] = a12 - a22;
    }
  }

  private void multiply(Linear.Product product, int panel, Scratch scratch) {
    int size = (int) sums(rows);
    float[] sums = scratch.floats(Scratch.Use.PRODUCT, 2 * size);
    for (int p = 0; p < 2; p++) {
      int feature = (panel + p) * COLUMNS;
      if (from == 0) {
        PanelSums.start(sums, p * size, COLUMNS, rows, product, feature);
      } else {
        PanelSums.goOn(sums, p * size, COLUMNS, product, feature);
      }
    }
    for (int k = from; k < to; k += 2 * half(k)) {
      if (Simd.VECTOR) {
        addVector(sums, size, product.weight(), panel, k, scratch);
      } else {
        addScalar(sums, size, product.weight(), panel, k, scratch);
      }
    }
    for (int p = 0; p < 2; p++) {
      int feature = (panel + p) * COLUMNS;
      PanelSums.copyOut(sums, p * size, COLUMNS, product, feature, 0, rows);
    }
  }

  private void addVector(
      float[] sums, int size, Weights weight, int panel, int k, Scratch scratch) {
    int half = half(k);
    boolean stored = FITS && weight.type() == ElementType.F32;
    MemorySegment block = weight.memory;
    long one = stored ? weight.line(panel, k) : 0;
    long two = stored ? weight.line(panel + 1, k) : 4L * 2 * half * COLUMNS;
    if (stored) {
      readAhead += VectorStoredTile.readAhead(weight, panel, k, 2 * half);
      readAhead += VectorStoredTile.readAhead(weight, panel + 1, k, 2 * half);
    } else {
      block = scratch.segment(Scratch.Use.WEIGHTS, 4L * 4 * HALF * COLUMNS);
      VectorWidening.widen(weight, panel, 2, k, k + 2 * half, block, scratch);
    }
    float[] product = scratch.floats(Scratch.Use.SUMS, TILE * COLUMNS);
    for (int pair = 0; pair < pairs; pair++) {
      for (Seventh seventh : SEVENTHS) {
        long left = place(seventh.weight, one, two, half);
        long right = place(Math.max(0, seventh.otherWeight), one, two, half);
        int in = index(k, pair, seventh.ordinal());
        multiplyTile(product, seventh, in, block, left, right, half, upper(pair));
        VectorPairTile.add(
            sums, out(seventh.out, size, pair), seventh.sign, product, outs(seventh.out, pair));
        if (seventh.otherOut >= 0) {
          int at = out(seventh.otherOut, size, pair);
          VectorPairTile.add(sums, at, seventh.otherSign, product, outs(seventh.otherOut, pair));
        }
      }
    }
  }

  /** Where a quadrant of the weights starts. */
  private static long place(int quadrant, long one, long two, int half) {
    return (quadrant < 2 ? one : two) + quadrant % 2 * (long) half * VectorTile.LINE;
  }

  private void multiplyTile(
      float[] product,
      Seventh seventh,
      int in,
      MemorySegment block,
      long left,
      long right,
      int half,
      int rows) {
    if (seventh.otherWeight < 0) {
      Arrays.fill(product, 0, TILE * COLUMNS, 0f);
    }
    for (int tile = 0; tile < rows; tile += ROWS) {
      int count = Math.min(ROWS, rows - tile);
      int x = in + tile * half;
      for (int c = 0; c < COLUMNS; c += VectorTile.COLUMNS) {
        long group = 4L * c * 2 * half;
        int y = tile * COLUMNS + c;
        if (seventh.otherWeight < 0) {
          VectorTile.add(product, y, packed, x, block, left + group, half, count);
        } else {
          VectorPairTile.multiply(
              product,
              y,
              packed,
              x,
              block,
              left + group,
              right + group,
              seventh.minus,
              half,
              count);
        }
      }
    }
  }

  /** Where a quadrant of a pair's sums starts. */
  private int out(int quadrant, int size, int pair) {
    int row = pair * PAIR + quadrant % 2 * upper(pair);
    return quadrant / 2 * size + row * COLUMNS;
  }

  /** Sums of a quadrant that exist. */
  private int outs(int quadrant, int pair) {
    return (quadrant % 2 == 0 ? upper(pair) : lower(pair)) * COLUMNS;
  }

  private void addScalar(
      float[] sums, int size, Weights weight, int panel, int k, Scratch scratch) {
    int half = half(k);
    float[] one = scratch.floats(Scratch.Use.WEIGHTS, 2 * HALF * COLUMNS);
    float[] two = scratch.floats(Scratch.Use.WIDENED, 2 * HALF * COLUMNS);
    float[] line = scratch.floats(Scratch.Use.LINE, COLUMNS);
    float[] product = scratch.floats(Scratch.Use.SUMS, TILE * COLUMNS);
    ScalarProduct.widen(weight, panel, k, k + 2 * half, one);
    ScalarProduct.widen(weight, panel + 1, k, k + 2 * half, two);
    for (int pair = 0; pair < pairs; pair++) {
      for (Seventh seventh : SEVENTHS) {
        float[] left = seventh.weight < 2 ? one : two;
        float[] right = seventh.otherWeight < 2 ? one : two;
        int in = index(k, pair, seventh.ordinal());
        Arrays.fill(product, 0, TILE * COLUMNS, 0f);
        for (int f = 0; f < half; f++) {
          int x = in + f * TILE;
          int at = (seventh.weight % 2 * half + f) * COLUMNS;
          if (seventh.otherWeight < 0) {
            ScalarStrassen.multiply(product, packed, x, left, at, upper(pair));
          } else {
            int other = (seventh.otherWeight % 2 * half + f) * COLUMNS;
            ScalarStrassen.combine(line, left, at, right, other, seventh.minus);
            ScalarStrassen.multiply(product, packed, x, line, 0, upper(pair));
          }
        }
        ScalarStrassen.add(
            sums, out(seventh.out, size, pair), seventh.sign, product, outs(seventh.out, pair));
        if (seventh.otherOut >= 0) {
          int at = out(seventh.otherOut, size, pair);
          ScalarStrassen.add(sums, at, seventh.otherSign, product, outs(seventh.otherOut, pair));
        }
      }
    }
  }
}
