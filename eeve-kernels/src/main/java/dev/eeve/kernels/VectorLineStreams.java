package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector twin of {@link ScalarProduct} for one input row and vectors of less than 512 bits: the
 * row meets some groups side by side, a few whole lines of each in turn, so that memory is read in
 * more than one stream. On a Zen 3 BF16 so gains a fifth on one stream, and four lines written out
 * gain as much on a loop; a Zen 5, at 512 bits, wants one stream.
 */
final class VectorLineStreams {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int HALF = ROWS / 2;
  private static final int STEP = Weights.LINE_BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Sums before the first panel's and after the last one's, of rows that share their lines. */
  private static final int MARGIN = ROWS;

  /** Lines of a group that are read in one go, written out. */
  private static final int STRIP = 4;

  /** From a group's first sums to those of the third vector of pairs. */
  private static final int THIRD = 2 * LANES == HALF ? ROWS : 2 * LANES;

  private VectorLineStreams() {}

  /**
   * Computes the outputs of some panels; four are best, two groups of the 16-bit types.
   *
   * @param x the product's row; for F16 weights times {@link VectorProduct#F16_SCALE}
   */
  static void run(
      Linear.Product product, float[] x, int xAt, int panel, int panels, Scratch scratch) {
    int width = panels * ROWS;
    float[] sums = scratch.floats(Scratch.Use.PRODUCT, width + 2 * MARGIN);
    float[] line = scratch.floats(Scratch.Use.WEIGHTS, ROWS);
    PanelSums.start(sums, MARGIN, width, 1, product, panel * ROWS);
    add(sums, x, xAt, product.weight(), panel, panels, line);
    PanelSums.copyOut(sums, MARGIN, width, product, panel * ROWS, 0, 1);
  }

  /**
   * Adds all features of one input row to the outputs of some panels.
   *
   * @param y 32 running sums a panel, from {@link #MARGIN} on, added to; the margins are written
   * @param x the row; for F16 weights times {@link VectorProduct#F16_SCALE}, which is exact
   * @param panels from {@code panel} on
   * @param lineRoom room for 32 floats
   */
  private static void add(
      float[] y, float[] x, int xAt, Weights weight, int panel, int panels, float[] lineRoom) {
    int before = weight.inGroup(panel * ROWS);
    int from = MARGIN - before;
    int rows = Weights.groupRows(weight.type());
    int groups = (before + panels * ROWS + rows - 1) / rows;
    Arrays.fill(y, 0, MARGIN, 0f);
    Arrays.fill(y, MARGIN + panels * ROWS, from + groups * rows, 0f);
    long line = weight.groupLine(panel * ROWS, 0);
    long apart = weight.columns() * (long) STEP;
    int whole = weight.columns() / STRIP * STRIP;
    for (int k = 0; k < whole; k += STRIP) {
      for (int g = 0; g < groups; g++) {
        addGroup(y, from + g * rows, x, xAt + k, weight, line + g * apart + (long) k * STEP);
      }
    }
    float unscale = weight.type() == ElementType.F16 ? 1 / VectorProduct.F16_SCALE : 1;
    for (int k = whole; k < weight.columns(); k++) {
      for (int p = 0; p < panels; p++) {
        float value = x[xAt + k] * unscale;
        ScalarProduct.addFeature(y, MARGIN + p * ROWS, value, weight, panel + p, k, lineRoom);
      }
    }
  }

  /** A line is one or two calls of four vectors each. */
  private static void addGroup(float[] y, int yAt, float[] x, int xAt, Weights weight, long line) {
    MemorySegment w = weight.memory;
    for (int c = 0; c * 4 * BYTES < STEP; c++) {
      long at = line + c * 4L * BYTES;
      switch (weight.type()) {
        case F32 -> addF32(y, yAt + c * 4 * LANES, x, xAt, w, at);
        case BF16 -> addBf16(y, yAt + c * ROWS, x, xAt, w, at);
        case F16 -> addF16(y, yAt + c * ROWS, x, xAt, w, at);
        case Q8_0, Q4_0 -> throw new IllegalStateException("blocks are BlockProduct's work");
      }
    }
  }

  private static void addF32(float[] y, int yAt, float[] x, int xAt, MemorySegment w, long at) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + 2 * LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + 3 * LANES);
    FloatVector value = FloatVector.broadcast(FLOATS, x[xAt]);
    y0 = FloatVector.fromMemorySegment(FLOATS, w, at, ORDER).fma(value, y0);
    y1 = FloatVector.fromMemorySegment(FLOATS, w, at + BYTES, ORDER).fma(value, y1);
    y2 = FloatVector.fromMemorySegment(FLOATS, w, at + 2 * BYTES, ORDER).fma(value, y2);
    y3 = FloatVector.fromMemorySegment(FLOATS, w, at + 3 * BYTES, ORDER).fma(value, y3);
    value = FloatVector.broadcast(FLOATS, x[xAt + 1]);
    y0 = FloatVector.fromMemorySegment(FLOATS, w, at + STEP, ORDER).fma(value, y0);
    y1 = FloatVector.fromMemorySegment(FLOATS, w, at + STEP + BYTES, ORDER).fma(value, y1);
    y2 = FloatVector.fromMemorySegment(FLOATS, w, at + STEP + 2 * BYTES, ORDER).fma(value, y2);
    y3 = FloatVector.fromMemorySegment(FLOATS, w, at + STEP + 3 * BYTES, ORDER).fma(value, y3);
    value = FloatVector.broadcast(FLOATS, x[xAt + 2]);
    y0 = FloatVector.fromMemorySegment(FLOATS, w, at + 2 * STEP, ORDER).fma(value, y0);
    y1 = FloatVector.fromMemorySegment(FLOATS, w, at + 2 * STEP + BYTES, ORDER).fma(value, y1);
    y2 = FloatVector.fromMemorySegment(FLOATS, w, at + 2 * STEP + 2 * BYTES, ORDER).fma(value, y2);
    y3 = FloatVector.fromMemorySegment(FLOATS, w, at + 2 * STEP + 3 * BYTES, ORDER).fma(value, y3);
    value = FloatVector.broadcast(FLOATS, x[xAt + 3]);
    y0 = FloatVector.fromMemorySegment(FLOATS, w, at + 3 * STEP, ORDER).fma(value, y0);
    y1 = FloatVector.fromMemorySegment(FLOATS, w, at + 3 * STEP + BYTES, ORDER).fma(value, y1);
    y2 = FloatVector.fromMemorySegment(FLOATS, w, at + 3 * STEP + 2 * BYTES, ORDER).fma(value, y2);
    y3 = FloatVector.fromMemorySegment(FLOATS, w, at + 3 * STEP + 3 * BYTES, ORDER).fma(value, y3);
    y0.intoArray(y, yAt);
    y1.intoArray(y, yAt + LANES);
    y2.intoArray(y, yAt + 2 * LANES);
    y3.intoArray(y, yAt + 3 * LANES);
  }

  private static void addBf16(float[] y, int yAt, float[] x, int xAt, MemorySegment w, long at) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + HALF);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + LANES + HALF);
    FloatVector y4 = FloatVector.fromArray(FLOATS, y, yAt + THIRD);
    FloatVector y5 = FloatVector.fromArray(FLOATS, y, yAt + THIRD + HALF);
    FloatVector y6 = FloatVector.fromArray(FLOATS, y, yAt + THIRD + LANES);
    FloatVector y7 = FloatVector.fromArray(FLOATS, y, yAt + THIRD + LANES + HALF);
    FloatVector value = FloatVector.broadcast(FLOATS, x[xAt]);
    IntVector v = IntVector.fromMemorySegment(INTS, w, at, ORDER);
    y0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
    y1 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + BYTES, ORDER);
    y2 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y2);
    y3 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * BYTES, ORDER);
    y4 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y4);
    y5 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * BYTES, ORDER);
    y6 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y6);
    y7 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y7);
    value = FloatVector.broadcast(FLOATS, x[xAt + 1]);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP, ORDER);
    y0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
    y1 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP + BYTES, ORDER);
    y2 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y2);
    y3 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP + 2 * BYTES, ORDER);
    y4 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y4);
    y5 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP + 3 * BYTES, ORDER);
    y6 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y6);
    y7 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y7);
    value = FloatVector.broadcast(FLOATS, x[xAt + 2]);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP, ORDER);
    y0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
    y1 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP + BYTES, ORDER);
    y2 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y2);
    y3 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP + 2 * BYTES, ORDER);
    y4 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y4);
    y5 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP + 3 * BYTES, ORDER);
    y6 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y6);
    y7 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y7);
    value = FloatVector.broadcast(FLOATS, x[xAt + 3]);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP, ORDER);
    y0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
    y1 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP + BYTES, ORDER);
    y2 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y2);
    y3 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP + 2 * BYTES, ORDER);
    y4 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y4);
    y5 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP + 3 * BYTES, ORDER);
    y6 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y6);
    y7 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y7);
    y0.intoArray(y, yAt);
    y1.intoArray(y, yAt + HALF);
    y2.intoArray(y, yAt + LANES);
    y3.intoArray(y, yAt + LANES + HALF);
    y4.intoArray(y, yAt + THIRD);
    y5.intoArray(y, yAt + THIRD + HALF);
    y6.intoArray(y, yAt + THIRD + LANES);
    y7.intoArray(y, yAt + THIRD + LANES + HALF);
  }

  private static void addF16(float[] y, int yAt, float[] x, int xAt, MemorySegment w, long at) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + HALF);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + LANES + HALF);
    FloatVector y4 = FloatVector.fromArray(FLOATS, y, yAt + THIRD);
    FloatVector y5 = FloatVector.fromArray(FLOATS, y, yAt + THIRD + HALF);
    FloatVector y6 = FloatVector.fromArray(FLOATS, y, yAt + THIRD + LANES);
    FloatVector y7 = FloatVector.fromArray(FLOATS, y, yAt + THIRD + LANES + HALF);
    FloatVector value = FloatVector.broadcast(FLOATS, x[xAt]);
    IntVector v = IntVector.fromMemorySegment(INTS, w, at, ORDER);
    y0 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y0);
    y1 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + BYTES, ORDER);
    y2 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y2);
    y3 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * BYTES, ORDER);
    y4 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y4);
    y5 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * BYTES, ORDER);
    y6 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y6);
    y7 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y7);
    value = FloatVector.broadcast(FLOATS, x[xAt + 1]);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP, ORDER);
    y0 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y0);
    y1 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP + BYTES, ORDER);
    y2 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y2);
    y3 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP + 2 * BYTES, ORDER);
    y4 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y4);
    y5 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + STEP + 3 * BYTES, ORDER);
    y6 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y6);
    y7 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y7);
    value = FloatVector.broadcast(FLOATS, x[xAt + 2]);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP, ORDER);
    y0 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y0);
    y1 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP + BYTES, ORDER);
    y2 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y2);
    y3 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP + 2 * BYTES, ORDER);
    y4 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y4);
    y5 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + 2 * STEP + 3 * BYTES, ORDER);
    y6 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y6);
    y7 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y7);
    value = FloatVector.broadcast(FLOATS, x[xAt + 3]);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP, ORDER);
    y0 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y0);
    y1 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y1);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP + BYTES, ORDER);
    y2 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y2);
    y3 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y3);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP + 2 * BYTES, ORDER);
    y4 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y4);
    y5 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y5);
    v = IntVector.fromMemorySegment(INTS, w, at + 3 * STEP + 3 * BYTES, ORDER);
    y6 =
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y6);
    y7 =
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .fma(value, y7);
    y0.intoArray(y, yAt);
    y1.intoArray(y, yAt + HALF);
    y2.intoArray(y, yAt + LANES);
    y3.intoArray(y, yAt + LANES + HALF);
    y4.intoArray(y, yAt + THIRD);
    y5.intoArray(y, yAt + THIRD + HALF);
    y6.intoArray(y, yAt + THIRD + LANES);
    y7.intoArray(y, yAt + THIRD + LANES + HALF);
  }
}
