package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector twin of {@link ScalarProduct} for a few input rows, such as a block of drafts: a line
 * of weights is read and widened once for {@link #TILE} rows, which so cost little more than one. A
 * lane is a weight row.
 */
final class VectorFewRows {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final int ROW = Weights.PANEL_ROWS;
  private static final int RIGHT = ROW / 2;
  private static final int STEP = Weights.LINE_BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Input rows that meet a line at once: 4 × 4 sums fit 32 registers, 4 × 2 fit 16. */
  static final int TILE = 4;

  /** Features of one step: their lines stay in the first cache until the last tile has met them. */
  static final int DEPTH = 256;

  private VectorFewRows() {}

  /**
   * Adds features {@code from … to} of a tile of input rows to the outputs of {@link
   * VectorProduct#PANELS} panels.
   *
   * @param y 32 running sums a row, row after row, at {@code first} and {@code second} for the two
   *     panels, added to
   * @param x feature by feature, the tile's rows side by side; {@code xAt} is feature {@code from};
   *     for F16 weights times {@link VectorProduct#F16_SCALE}
   * @param panel the first panel
   * @param other the second panel; may be the first again, where it is the last
   */
  static void add(
      float[] y,
      int first,
      int second,
      float[] x,
      int xAt,
      Weights weight,
      int panel,
      int other,
      int from,
      int to) {
    MemorySegment w = weight.memory;
    long line = weight.line(panel, from);
    long gap = weight.line(other, from) - line;
    int features = to - from;
    if (LANES < 16) {
      addNarrow(y, first, x, xAt, w, weight.type(), line, features);
      addNarrow(y, second, x, xAt, w, weight.type(), line + gap, features);
      return;
    }
    switch (weight.type()) {
      case F32 -> {
        addF32(y, first, x, xAt, w, line, features);
        addF32(y, second, x, xAt, w, line + gap, features);
      }
      case BF16 -> addBf16(y, first, second, x, xAt, w, line, gap, features);
      case F16 -> addF16(y, first, second, x, xAt, w, line, gap, features);
      case Q8_0, Q4_0 -> throw new IllegalStateException("blocks take tiles of many rows");
    }
  }

  private static void addNarrow(
      float[] y,
      int at,
      float[] x,
      int xAt,
      MemorySegment w,
      ElementType type,
      long line,
      int features) {
    int columns = type == ElementType.F32 ? ROW : RIGHT;
    int step = type == ElementType.F32 ? 2 * LANES : LANES;
    for (int c = 0; c < columns; c += step) {
      switch (type) {
        case F32 -> addF32(y, at + c, x, xAt, w, line + c * 4L, features);
        case BF16 -> addBf16Narrow(y, at + c, x, xAt, w, line + c * 4L, features);
        case F16 -> addF16Narrow(y, at + c, x, xAt, w, line + c * 4L, features);
        case Q8_0, Q4_0 -> throw new IllegalStateException("blocks take tiles of many rows");
      }
    }
  }

  private static void addF32(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector b0 = FloatVector.fromArray(FLOATS, y, at + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, y, at + ROW);
    FloatVector b1 = FloatVector.fromArray(FLOATS, y, at + ROW + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, y, at + 2 * ROW);
    FloatVector b2 = FloatVector.fromArray(FLOATS, y, at + 2 * ROW + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, y, at + 3 * ROW);
    FloatVector b3 = FloatVector.fromArray(FLOATS, y, at + 3 * ROW + LANES);
    for (int k = 0; k < features; k++) {
      long from = line + (long) k * STEP;
      FloatVector a = FloatVector.fromMemorySegment(FLOATS, w, from, ORDER);
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, w, from + BYTES, ORDER);
      int row = xAt + k * TILE;
      FloatVector value = FloatVector.broadcast(FLOATS, x[row]);
      a0 = a.fma(value, a0);
      b0 = b.fma(value, b0);
      value = FloatVector.broadcast(FLOATS, x[row + 1]);
      a1 = a.fma(value, a1);
      b1 = b.fma(value, b1);
      value = FloatVector.broadcast(FLOATS, x[row + 2]);
      a2 = a.fma(value, a2);
      b2 = b.fma(value, b2);
      value = FloatVector.broadcast(FLOATS, x[row + 3]);
      a3 = a.fma(value, a3);
      b3 = b.fma(value, b3);
    }
    a0.intoArray(y, at);
    b0.intoArray(y, at + LANES);
    a1.intoArray(y, at + ROW);
    b1.intoArray(y, at + ROW + LANES);
    a2.intoArray(y, at + 2 * ROW);
    b2.intoArray(y, at + 2 * ROW + LANES);
    a3.intoArray(y, at + 3 * ROW);
    b3.intoArray(y, at + 3 * ROW + LANES);
  }

  private static void addBf16(
      float[] y,
      int first,
      int second,
      float[] x,
      int xAt,
      MemorySegment w,
      long line,
      long gap,
      int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, y, first);
    FloatVector b0 = FloatVector.fromArray(FLOATS, y, first + RIGHT);
    FloatVector c0 = FloatVector.fromArray(FLOATS, y, second);
    FloatVector d0 = FloatVector.fromArray(FLOATS, y, second + RIGHT);
    FloatVector a1 = FloatVector.fromArray(FLOATS, y, first + ROW);
    FloatVector b1 = FloatVector.fromArray(FLOATS, y, first + ROW + RIGHT);
    FloatVector c1 = FloatVector.fromArray(FLOATS, y, second + ROW);
    FloatVector d1 = FloatVector.fromArray(FLOATS, y, second + ROW + RIGHT);
    FloatVector a2 = FloatVector.fromArray(FLOATS, y, first + 2 * ROW);
    FloatVector b2 = FloatVector.fromArray(FLOATS, y, first + 2 * ROW + RIGHT);
    FloatVector c2 = FloatVector.fromArray(FLOATS, y, second + 2 * ROW);
    FloatVector d2 = FloatVector.fromArray(FLOATS, y, second + 2 * ROW + RIGHT);
    FloatVector a3 = FloatVector.fromArray(FLOATS, y, first + 3 * ROW);
    FloatVector b3 = FloatVector.fromArray(FLOATS, y, first + 3 * ROW + RIGHT);
    FloatVector c3 = FloatVector.fromArray(FLOATS, y, second + 3 * ROW);
    FloatVector d3 = FloatVector.fromArray(FLOATS, y, second + 3 * ROW + RIGHT);
    for (int k = 0; k < features; k++) {
      long at = line + (long) k * STEP;
      IntVector v = IntVector.fromMemorySegment(INTS, w, at, ORDER);
      FloatVector a = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector b = v.and(0xFFFF0000).reinterpretAsFloats();
      v = IntVector.fromMemorySegment(INTS, w, at + gap, ORDER);
      FloatVector c = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector d = v.and(0xFFFF0000).reinterpretAsFloats();
      int row = xAt + k * TILE;
      FloatVector value = FloatVector.broadcast(FLOATS, x[row]);
      a0 = a.fma(value, a0);
      b0 = b.fma(value, b0);
      c0 = c.fma(value, c0);
      d0 = d.fma(value, d0);
      value = FloatVector.broadcast(FLOATS, x[row + 1]);
      a1 = a.fma(value, a1);
      b1 = b.fma(value, b1);
      c1 = c.fma(value, c1);
      d1 = d.fma(value, d1);
      value = FloatVector.broadcast(FLOATS, x[row + 2]);
      a2 = a.fma(value, a2);
      b2 = b.fma(value, b2);
      c2 = c.fma(value, c2);
      d2 = d.fma(value, d2);
      value = FloatVector.broadcast(FLOATS, x[row + 3]);
      a3 = a.fma(value, a3);
      b3 = b.fma(value, b3);
      c3 = c.fma(value, c3);
      d3 = d.fma(value, d3);
    }
    a0.intoArray(y, first);
    b0.intoArray(y, first + RIGHT);
    c0.intoArray(y, second);
    d0.intoArray(y, second + RIGHT);
    a1.intoArray(y, first + ROW);
    b1.intoArray(y, first + ROW + RIGHT);
    c1.intoArray(y, second + ROW);
    d1.intoArray(y, second + ROW + RIGHT);
    a2.intoArray(y, first + 2 * ROW);
    b2.intoArray(y, first + 2 * ROW + RIGHT);
    c2.intoArray(y, second + 2 * ROW);
    d2.intoArray(y, second + 2 * ROW + RIGHT);
    a3.intoArray(y, first + 3 * ROW);
    b3.intoArray(y, first + 3 * ROW + RIGHT);
    c3.intoArray(y, second + 3 * ROW);
    d3.intoArray(y, second + 3 * ROW + RIGHT);
  }

  private static void addBf16Narrow(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector b0 = FloatVector.fromArray(FLOATS, y, at + RIGHT);
    FloatVector a1 = FloatVector.fromArray(FLOATS, y, at + ROW);
    FloatVector b1 = FloatVector.fromArray(FLOATS, y, at + ROW + RIGHT);
    FloatVector a2 = FloatVector.fromArray(FLOATS, y, at + 2 * ROW);
    FloatVector b2 = FloatVector.fromArray(FLOATS, y, at + 2 * ROW + RIGHT);
    FloatVector a3 = FloatVector.fromArray(FLOATS, y, at + 3 * ROW);
    FloatVector b3 = FloatVector.fromArray(FLOATS, y, at + 3 * ROW + RIGHT);
    for (int k = 0; k < features; k++) {
      long from = line + (long) k * STEP;
      IntVector v = IntVector.fromMemorySegment(INTS, w, from, ORDER);
      FloatVector a = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector b = v.and(0xFFFF0000).reinterpretAsFloats();
      int row = xAt + k * TILE;
      FloatVector value = FloatVector.broadcast(FLOATS, x[row]);
      a0 = a.fma(value, a0);
      b0 = b.fma(value, b0);
      value = FloatVector.broadcast(FLOATS, x[row + 1]);
      a1 = a.fma(value, a1);
      b1 = b.fma(value, b1);
      value = FloatVector.broadcast(FLOATS, x[row + 2]);
      a2 = a.fma(value, a2);
      b2 = b.fma(value, b2);
      value = FloatVector.broadcast(FLOATS, x[row + 3]);
      a3 = a.fma(value, a3);
      b3 = b.fma(value, b3);
    }
    a0.intoArray(y, at);
    b0.intoArray(y, at + RIGHT);
    a1.intoArray(y, at + ROW);
    b1.intoArray(y, at + ROW + RIGHT);
    a2.intoArray(y, at + 2 * ROW);
    b2.intoArray(y, at + 2 * ROW + RIGHT);
    a3.intoArray(y, at + 3 * ROW);
    b3.intoArray(y, at + 3 * ROW + RIGHT);
  }

  private static void addF16(
      float[] y,
      int first,
      int second,
      float[] x,
      int xAt,
      MemorySegment w,
      long line,
      long gap,
      int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, y, first);
    FloatVector b0 = FloatVector.fromArray(FLOATS, y, first + RIGHT);
    FloatVector c0 = FloatVector.fromArray(FLOATS, y, second);
    FloatVector d0 = FloatVector.fromArray(FLOATS, y, second + RIGHT);
    FloatVector a1 = FloatVector.fromArray(FLOATS, y, first + ROW);
    FloatVector b1 = FloatVector.fromArray(FLOATS, y, first + ROW + RIGHT);
    FloatVector c1 = FloatVector.fromArray(FLOATS, y, second + ROW);
    FloatVector d1 = FloatVector.fromArray(FLOATS, y, second + ROW + RIGHT);
    FloatVector a2 = FloatVector.fromArray(FLOATS, y, first + 2 * ROW);
    FloatVector b2 = FloatVector.fromArray(FLOATS, y, first + 2 * ROW + RIGHT);
    FloatVector c2 = FloatVector.fromArray(FLOATS, y, second + 2 * ROW);
    FloatVector d2 = FloatVector.fromArray(FLOATS, y, second + 2 * ROW + RIGHT);
    FloatVector a3 = FloatVector.fromArray(FLOATS, y, first + 3 * ROW);
    FloatVector b3 = FloatVector.fromArray(FLOATS, y, first + 3 * ROW + RIGHT);
    FloatVector c3 = FloatVector.fromArray(FLOATS, y, second + 3 * ROW);
    FloatVector d3 = FloatVector.fromArray(FLOATS, y, second + 3 * ROW + RIGHT);
    for (int k = 0; k < features; k++) {
      long at = line + (long) k * STEP;
      IntVector v = IntVector.fromMemorySegment(INTS, w, at, ORDER);
      FloatVector a =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats();
      FloatVector b =
          v.lanewise(VectorOperators.ASHR, 3).and(VectorProduct.F16_BITS).reinterpretAsFloats();
      v = IntVector.fromMemorySegment(INTS, w, at + gap, ORDER);
      FloatVector c =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats();
      FloatVector d =
          v.lanewise(VectorOperators.ASHR, 3).and(VectorProduct.F16_BITS).reinterpretAsFloats();
      int row = xAt + k * TILE;
      FloatVector value = FloatVector.broadcast(FLOATS, x[row]);
      a0 = a.fma(value, a0);
      b0 = b.fma(value, b0);
      c0 = c.fma(value, c0);
      d0 = d.fma(value, d0);
      value = FloatVector.broadcast(FLOATS, x[row + 1]);
      a1 = a.fma(value, a1);
      b1 = b.fma(value, b1);
      c1 = c.fma(value, c1);
      d1 = d.fma(value, d1);
      value = FloatVector.broadcast(FLOATS, x[row + 2]);
      a2 = a.fma(value, a2);
      b2 = b.fma(value, b2);
      c2 = c.fma(value, c2);
      d2 = d.fma(value, d2);
      value = FloatVector.broadcast(FLOATS, x[row + 3]);
      a3 = a.fma(value, a3);
      b3 = b.fma(value, b3);
      c3 = c.fma(value, c3);
      d3 = d.fma(value, d3);
    }
    a0.intoArray(y, first);
    b0.intoArray(y, first + RIGHT);
    c0.intoArray(y, second);
    d0.intoArray(y, second + RIGHT);
    a1.intoArray(y, first + ROW);
    b1.intoArray(y, first + ROW + RIGHT);
    c1.intoArray(y, second + ROW);
    d1.intoArray(y, second + ROW + RIGHT);
    a2.intoArray(y, first + 2 * ROW);
    b2.intoArray(y, first + 2 * ROW + RIGHT);
    c2.intoArray(y, second + 2 * ROW);
    d2.intoArray(y, second + 2 * ROW + RIGHT);
    a3.intoArray(y, first + 3 * ROW);
    b3.intoArray(y, first + 3 * ROW + RIGHT);
    c3.intoArray(y, second + 3 * ROW);
    d3.intoArray(y, second + 3 * ROW + RIGHT);
  }

  private static void addF16Narrow(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector b0 = FloatVector.fromArray(FLOATS, y, at + RIGHT);
    FloatVector a1 = FloatVector.fromArray(FLOATS, y, at + ROW);
    FloatVector b1 = FloatVector.fromArray(FLOATS, y, at + ROW + RIGHT);
    FloatVector a2 = FloatVector.fromArray(FLOATS, y, at + 2 * ROW);
    FloatVector b2 = FloatVector.fromArray(FLOATS, y, at + 2 * ROW + RIGHT);
    FloatVector a3 = FloatVector.fromArray(FLOATS, y, at + 3 * ROW);
    FloatVector b3 = FloatVector.fromArray(FLOATS, y, at + 3 * ROW + RIGHT);
    for (int k = 0; k < features; k++) {
      long from = line + (long) k * STEP;
      IntVector v = IntVector.fromMemorySegment(INTS, w, from, ORDER);
      FloatVector a =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats();
      FloatVector b =
          v.lanewise(VectorOperators.ASHR, 3).and(VectorProduct.F16_BITS).reinterpretAsFloats();
      int row = xAt + k * TILE;
      FloatVector value = FloatVector.broadcast(FLOATS, x[row]);
      a0 = a.fma(value, a0);
      b0 = b.fma(value, b0);
      value = FloatVector.broadcast(FLOATS, x[row + 1]);
      a1 = a.fma(value, a1);
      b1 = b.fma(value, b1);
      value = FloatVector.broadcast(FLOATS, x[row + 2]);
      a2 = a.fma(value, a2);
      b2 = b.fma(value, b2);
      value = FloatVector.broadcast(FLOATS, x[row + 3]);
      a3 = a.fma(value, a3);
      b3 = b.fma(value, b3);
    }
    a0.intoArray(y, at);
    b0.intoArray(y, at + RIGHT);
    a1.intoArray(y, at + ROW);
    b1.intoArray(y, at + ROW + RIGHT);
    a2.intoArray(y, at + 2 * ROW);
    b2.intoArray(y, at + 2 * ROW + RIGHT);
    a3.intoArray(y, at + 3 * ROW);
    b3.intoArray(y, at + 3 * ROW + RIGHT);
  }
}
