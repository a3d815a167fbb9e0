package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link VectorTile} over lines as they are stored: where a panel's line is one vector of pairs (or
 * two of floats), widening it anew for each tile of 12 rows hides behind the multiply-adds, and no
 * widened block has to be written.
 *
 * <p>One method a type: a shift and a mask in variables take registers that the sums need (half the
 * speed).
 */
final class VectorStoredTile {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int ROWS = VectorTile.ROWS;
  private static final int STRIDE = VectorTile.STRIDE;
  private static final int STEP = Weights.LINE_BYTES;

  /** Whether lines and vectors fit; with shorter vectors a tile has too few rows to hide it. */
  static final boolean FITS = VectorTile.COLUMNS == Weights.PANEL_ROWS;

  private VectorStoredTile() {}

  /**
   * Reads the lines of a panel, and of the one it shares them with, from memory into the second
   * cache, several times as fast as a tile that waits for each. An odd last one is left out.
   *
   * @return something that depends on all of them
   */
  static int readAhead(Weights weight, int panel, int from, int count) {
    long line = weight.line(panel, from) / STEP * STEP;
    return VectorLimits.readOne(weight.memory, line, count / 2 * 2 * STEP);
  }

  /**
   * {@code out[r][c] += Σk in[k][r] · w[c][k]}, one fused multiply-add per k in order.
   *
   * @param out rows of {@link VectorTile#STRIDE} floats from {@code outAt}, added to
   * @param in packed {@code (features, 12)} from {@code inAt}; for F16 weights times {@link
   *     VectorProduct#F16_SCALE}, which is exact
   * @param from the panel's first line
   * @param rows rows of the tile that exist
   */
  static void add(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      Weights weight,
      int panel,
      int from,
      int features,
      int rows) {
    long line = weight.line(panel, from);
    MemorySegment w = weight.memory;
    switch (weight.type()) {
      case F32 -> VectorTile.add(out, outAt, in, inAt, w, line, features, rows);
      case BF16 -> {
        if (rows > 8) {
          add12Bf16(out, outAt, in, inAt, w, line, features);
          return;
        }
        for (int r = 0; r < rows; r += 4) {
          add4Bf16(out, outAt + r * STRIDE, in, inAt + r, w, line, features);
        }
      }
      case F16 -> {
        if (rows > 8) {
          add12F16(out, outAt, in, inAt, w, line, features);
          return;
        }
        for (int r = 0; r < rows; r += 4) {
          add4F16(out, outAt + r * STRIDE, in, inAt + r, w, line, features);
        }
      }
      case Q8_0, Q4_0 -> throw new IllegalStateException("blocks are widened first");
    }
  }

  private static void add4Bf16(
      float[] out, int outAt, float[] in, int inAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, out, outAt);
    FloatVector b0 = FloatVector.fromArray(FLOATS, out, outAt + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE);
    FloatVector b1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE);
    FloatVector b2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE);
    FloatVector b3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE + LANES);
    for (int k = 0; k < features; k++) {
      IntVector v = IntVector.fromMemorySegment(INTS, w, line + (long) k * STEP, ORDER);
      FloatVector left = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector right = v.and(0xFFFF0000).reinterpretAsFloats();
      int row = inAt + k * ROWS;
      FloatVector x0 = FloatVector.broadcast(FLOATS, in[row]);
      a0 = x0.fma(left, a0);
      b0 = x0.fma(right, b0);
      FloatVector x1 = FloatVector.broadcast(FLOATS, in[row + 1]);
      a1 = x1.fma(left, a1);
      b1 = x1.fma(right, b1);
      FloatVector x2 = FloatVector.broadcast(FLOATS, in[row + 2]);
      a2 = x2.fma(left, a2);
      b2 = x2.fma(right, b2);
      FloatVector x3 = FloatVector.broadcast(FLOATS, in[row + 3]);
      a3 = x3.fma(left, a3);
      b3 = x3.fma(right, b3);
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LANES);
    a1.intoArray(out, outAt + STRIDE);
    b1.intoArray(out, outAt + STRIDE + LANES);
    a2.intoArray(out, outAt + 2 * STRIDE);
    b2.intoArray(out, outAt + 2 * STRIDE + LANES);
    a3.intoArray(out, outAt + 3 * STRIDE);
    b3.intoArray(out, outAt + 3 * STRIDE + LANES);
  }

  private static void add12Bf16(
      float[] out, int outAt, float[] in, int inAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, out, outAt);
    FloatVector b0 = FloatVector.fromArray(FLOATS, out, outAt + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE);
    FloatVector b1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE);
    FloatVector b2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE);
    FloatVector b3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE + LANES);
    FloatVector a4 = FloatVector.fromArray(FLOATS, out, outAt + 4 * STRIDE);
    FloatVector b4 = FloatVector.fromArray(FLOATS, out, outAt + 4 * STRIDE + LANES);
    FloatVector a5 = FloatVector.fromArray(FLOATS, out, outAt + 5 * STRIDE);
    FloatVector b5 = FloatVector.fromArray(FLOATS, out, outAt + 5 * STRIDE + LANES);
    FloatVector a6 = FloatVector.fromArray(FLOATS, out, outAt + 6 * STRIDE);
    FloatVector b6 = FloatVector.fromArray(FLOATS, out, outAt + 6 * STRIDE + LANES);
    FloatVector a7 = FloatVector.fromArray(FLOATS, out, outAt + 7 * STRIDE);
    FloatVector b7 = FloatVector.fromArray(FLOATS, out, outAt + 7 * STRIDE + LANES);
    FloatVector a8 = FloatVector.fromArray(FLOATS, out, outAt + 8 * STRIDE);
    FloatVector b8 = FloatVector.fromArray(FLOATS, out, outAt + 8 * STRIDE + LANES);
    FloatVector a9 = FloatVector.fromArray(FLOATS, out, outAt + 9 * STRIDE);
    FloatVector b9 = FloatVector.fromArray(FLOATS, out, outAt + 9 * STRIDE + LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, out, outAt + 10 * STRIDE);
    FloatVector b10 = FloatVector.fromArray(FLOATS, out, outAt + 10 * STRIDE + LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, out, outAt + 11 * STRIDE);
    FloatVector b11 = FloatVector.fromArray(FLOATS, out, outAt + 11 * STRIDE + LANES);
    for (int k = 0; k < features; k++) {
      IntVector v = IntVector.fromMemorySegment(INTS, w, line + (long) k * STEP, ORDER);
      FloatVector left = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector right = v.and(0xFFFF0000).reinterpretAsFloats();
      int row = inAt + k * ROWS;
      FloatVector x0 = FloatVector.broadcast(FLOATS, in[row]);
      a0 = x0.fma(left, a0);
      b0 = x0.fma(right, b0);
      FloatVector x1 = FloatVector.broadcast(FLOATS, in[row + 1]);
      a1 = x1.fma(left, a1);
      b1 = x1.fma(right, b1);
      FloatVector x2 = FloatVector.broadcast(FLOATS, in[row + 2]);
      a2 = x2.fma(left, a2);
      b2 = x2.fma(right, b2);
      FloatVector x3 = FloatVector.broadcast(FLOATS, in[row + 3]);
      a3 = x3.fma(left, a3);
      b3 = x3.fma(right, b3);
      FloatVector x4 = FloatVector.broadcast(FLOATS, in[row + 4]);
      a4 = x4.fma(left, a4);
      b4 = x4.fma(right, b4);
      FloatVector x5 = FloatVector.broadcast(FLOATS, in[row + 5]);
      a5 = x5.fma(left, a5);
      b5 = x5.fma(right, b5);
      FloatVector x6 = FloatVector.broadcast(FLOATS, in[row + 6]);
      a6 = x6.fma(left, a6);
      b6 = x6.fma(right, b6);
      FloatVector x7 = FloatVector.broadcast(FLOATS, in[row + 7]);
      a7 = x7.fma(left, a7);
      b7 = x7.fma(right, b7);
      FloatVector x8 = FloatVector.broadcast(FLOATS, in[row + 8]);
      a8 = x8.fma(left, a8);
      b8 = x8.fma(right, b8);
      FloatVector x9 = FloatVector.broadcast(FLOATS, in[row + 9]);
      a9 = x9.fma(left, a9);
      b9 = x9.fma(right, b9);
      FloatVector x10 = FloatVector.broadcast(FLOATS, in[row + 10]);
      a10 = x10.fma(left, a10);
      b10 = x10.fma(right, b10);
      FloatVector x11 = FloatVector.broadcast(FLOATS, in[row + 11]);
      a11 = x11.fma(left, a11);
      b11 = x11.fma(right, b11);
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LANES);
    a1.intoArray(out, outAt + STRIDE);
    b1.intoArray(out, outAt + STRIDE + LANES);
    a2.intoArray(out, outAt + 2 * STRIDE);
    b2.intoArray(out, outAt + 2 * STRIDE + LANES);
    a3.intoArray(out, outAt + 3 * STRIDE);
    b3.intoArray(out, outAt + 3 * STRIDE + LANES);
    a4.intoArray(out, outAt + 4 * STRIDE);
    b4.intoArray(out, outAt + 4 * STRIDE + LANES);
    a5.intoArray(out, outAt + 5 * STRIDE);
    b5.intoArray(out, outAt + 5 * STRIDE + LANES);
    a6.intoArray(out, outAt + 6 * STRIDE);
    b6.intoArray(out, outAt + 6 * STRIDE + LANES);
    a7.intoArray(out, outAt + 7 * STRIDE);
    b7.intoArray(out, outAt + 7 * STRIDE + LANES);
    a8.intoArray(out, outAt + 8 * STRIDE);
    b8.intoArray(out, outAt + 8 * STRIDE + LANES);
    a9.intoArray(out, outAt + 9 * STRIDE);
    b9.intoArray(out, outAt + 9 * STRIDE + LANES);
    a10.intoArray(out, outAt + 10 * STRIDE);
    b10.intoArray(out, outAt + 10 * STRIDE + LANES);
    a11.intoArray(out, outAt + 11 * STRIDE);
    b11.intoArray(out, outAt + 11 * STRIDE + LANES);
  }

  /** Inputs come times {@link VectorProduct#F16_SCALE}. */
  private static void add4F16(
      float[] out, int outAt, float[] in, int inAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, out, outAt);
    FloatVector b0 = FloatVector.fromArray(FLOATS, out, outAt + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE);
    FloatVector b1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE);
    FloatVector b2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE);
    FloatVector b3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE + LANES);
    for (int k = 0; k < features; k++) {
      IntVector v = IntVector.fromMemorySegment(INTS, w, line + (long) k * STEP, ORDER);
      FloatVector left =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats();
      FloatVector right =
          v.lanewise(VectorOperators.ASHR, 3).and(VectorProduct.F16_BITS).reinterpretAsFloats();
      int row = inAt + k * ROWS;
      FloatVector x0 = FloatVector.broadcast(FLOATS, in[row]);
      a0 = x0.fma(left, a0);
      b0 = x0.fma(right, b0);
      FloatVector x1 = FloatVector.broadcast(FLOATS, in[row + 1]);
      a1 = x1.fma(left, a1);
      b1 = x1.fma(right, b1);
      FloatVector x2 = FloatVector.broadcast(FLOATS, in[row + 2]);
      a2 = x2.fma(left, a2);
      b2 = x2.fma(right, b2);
      FloatVector x3 = FloatVector.broadcast(FLOATS, in[row + 3]);
      a3 = x3.fma(left, a3);
      b3 = x3.fma(right, b3);
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LANES);
    a1.intoArray(out, outAt + STRIDE);
    b1.intoArray(out, outAt + STRIDE + LANES);
    a2.intoArray(out, outAt + 2 * STRIDE);
    b2.intoArray(out, outAt + 2 * STRIDE + LANES);
    a3.intoArray(out, outAt + 3 * STRIDE);
    b3.intoArray(out, outAt + 3 * STRIDE + LANES);
  }

  private static void add12F16(
      float[] out, int outAt, float[] in, int inAt, MemorySegment w, long line, int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, out, outAt);
    FloatVector b0 = FloatVector.fromArray(FLOATS, out, outAt + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE);
    FloatVector b1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE);
    FloatVector b2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE);
    FloatVector b3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE + LANES);
    FloatVector a4 = FloatVector.fromArray(FLOATS, out, outAt + 4 * STRIDE);
    FloatVector b4 = FloatVector.fromArray(FLOATS, out, outAt + 4 * STRIDE + LANES);
    FloatVector a5 = FloatVector.fromArray(FLOATS, out, outAt + 5 * STRIDE);
    FloatVector b5 = FloatVector.fromArray(FLOATS, out, outAt + 5 * STRIDE + LANES);
    FloatVector a6 = FloatVector.fromArray(FLOATS, out, outAt + 6 * STRIDE);
    FloatVector b6 = FloatVector.fromArray(FLOATS, out, outAt + 6 * STRIDE + LANES);
    FloatVector a7 = FloatVector.fromArray(FLOATS, out, outAt + 7 * STRIDE);
    FloatVector b7 = FloatVector.fromArray(FLOATS, out, outAt + 7 * STRIDE + LANES);
    FloatVector a8 = FloatVector.fromArray(FLOATS, out, outAt + 8 * STRIDE);
    FloatVector b8 = FloatVector.fromArray(FLOATS, out, outAt + 8 * STRIDE + LANES);
    FloatVector a9 = FloatVector.fromArray(FLOATS, out, outAt + 9 * STRIDE);
    FloatVector b9 = FloatVector.fromArray(FLOATS, out, outAt + 9 * STRIDE + LANES);
    FloatVector a10 = FloatVector.fromArray(FLOATS, out, outAt + 10 * STRIDE);
    FloatVector b10 = FloatVector.fromArray(FLOATS, out, outAt + 10 * STRIDE + LANES);
    FloatVector a11 = FloatVector.fromArray(FLOATS, out, outAt + 11 * STRIDE);
    FloatVector b11 = FloatVector.fromArray(FLOATS, out, outAt + 11 * STRIDE + LANES);
    for (int k = 0; k < features; k++) {
      IntVector v = IntVector.fromMemorySegment(INTS, w, line + (long) k * STEP, ORDER);
      FloatVector left =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats();
      FloatVector right =
          v.lanewise(VectorOperators.ASHR, 3).and(VectorProduct.F16_BITS).reinterpretAsFloats();
      int row = inAt + k * ROWS;
      FloatVector x0 = FloatVector.broadcast(FLOATS, in[row]);
      a0 = x0.fma(left, a0);
      b0 = x0.fma(right, b0);
      FloatVector x1 = FloatVector.broadcast(FLOATS, in[row + 1]);
      a1 = x1.fma(left, a1);
      b1 = x1.fma(right, b1);
      FloatVector x2 = FloatVector.broadcast(FLOATS, in[row + 2]);
      a2 = x2.fma(left, a2);
      b2 = x2.fma(right, b2);
      FloatVector x3 = FloatVector.broadcast(FLOATS, in[row + 3]);
      a3 = x3.fma(left, a3);
      b3 = x3.fma(right, b3);
      FloatVector x4 = FloatVector.broadcast(FLOATS, in[row + 4]);
      a4 = x4.fma(left, a4);
      b4 = x4.fma(right, b4);
      FloatVector x5 = FloatVector.broadcast(FLOATS, in[row + 5]);
      a5 = x5.fma(left, a5);
      b5 = x5.fma(right, b5);
      FloatVector x6 = FloatVector.broadcast(FLOATS, in[row + 6]);
      a6 = x6.fma(left, a6);
      b6 = x6.fma(right, b6);
      FloatVector x7 = FloatVector.broadcast(FLOATS, in[row + 7]);
      a7 = x7.fma(left, a7);
      b7 = x7.fma(right, b7);
      FloatVector x8 = FloatVector.broadcast(FLOATS, in[row + 8]);
      a8 = x8.fma(left, a8);
      b8 = x8.fma(right, b8);
      FloatVector x9 = FloatVector.broadcast(FLOATS, in[row + 9]);
      a9 = x9.fma(left, a9);
      b9 = x9.fma(right, b9);
      FloatVector x10 = FloatVector.broadcast(FLOATS, in[row + 10]);
      a10 = x10.fma(left, a10);
      b10 = x10.fma(right, b10);
      FloatVector x11 = FloatVector.broadcast(FLOATS, in[row + 11]);
      a11 = x11.fma(left, a11);
      b11 = x11.fma(right, b11);
    }
    a0.intoArray(out, outAt);
    b0.intoArray(out, outAt + LANES);
    a1.intoArray(out, outAt + STRIDE);
    b1.intoArray(out, outAt + STRIDE + LANES);
    a2.intoArray(out, outAt + 2 * STRIDE);
    b2.intoArray(out, outAt + 2 * STRIDE + LANES);
    a3.intoArray(out, outAt + 3 * STRIDE);
    b3.intoArray(out, outAt + 3 * STRIDE + LANES);
    a4.intoArray(out, outAt + 4 * STRIDE);
    b4.intoArray(out, outAt + 4 * STRIDE + LANES);
    a5.intoArray(out, outAt + 5 * STRIDE);
    b5.intoArray(out, outAt + 5 * STRIDE + LANES);
    a6.intoArray(out, outAt + 6 * STRIDE);
    b6.intoArray(out, outAt + 6 * STRIDE + LANES);
    a7.intoArray(out, outAt + 7 * STRIDE);
    b7.intoArray(out, outAt + 7 * STRIDE + LANES);
    a8.intoArray(out, outAt + 8 * STRIDE);
    b8.intoArray(out, outAt + 8 * STRIDE + LANES);
    a9.intoArray(out, outAt + 9 * STRIDE);
    b9.intoArray(out, outAt + 9 * STRIDE + LANES);
    a10.intoArray(out, outAt + 10 * STRIDE);
    b10.intoArray(out, outAt + 10 * STRIDE + LANES);
    a11.intoArray(out, outAt + 11 * STRIDE);
    b11.intoArray(out, outAt + 11 * STRIDE + LANES);
  }
}
