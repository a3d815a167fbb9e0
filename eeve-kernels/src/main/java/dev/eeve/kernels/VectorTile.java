package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The register tile: {@link #ROWS} rows of packed input times {@link #COLUMNS} columns of a widened
 * block, the sums in registers across the features.
 *
 * <p>4 × 2 vectors fit 16 registers however C2 orders the loads; 5 × 2 and 6 × 2 fit only if it
 * orders them well, and in many runs spill a sum, which takes two thirds of the speed. The constant
 * stride of {@code out} frees registers too. 12 × 2 fit 32 registers.
 */
final class VectorTile {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Rows of a tile: rows of packed input that stand side by side. */
  static final int ROWS = LANES == 16 ? 12 : 4;

  /** Columns of a tile. */
  static final int COLUMNS = 2 * LANES;

  /** Bytes from one feature's columns to the next. */
  static final int LINE = COLUMNS * 4;

  /** Floats from one row of {@code out} to the next. */
  static final int STRIDE = Weights.PANEL_ROWS;

  private VectorTile() {}

  /**
   * {@code out[r][c] += Σk in[k][r] · block[k][c]}, one fused multiply-add per k in order.
   *
   * @param out rows of {@link #STRIDE} floats from {@code outAt}, added to
   * @param in packed {@code (features, ROWS)} from {@code inAt}
   * @param block {@code (features, COLUMNS)} from byte {@code blockAt}, off-heap: lines that do not
   *     begin where a cache line does cost 2 % at 512 bits
   */
  static void add(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features) {
    add(out, outAt, in, inAt, block, blockAt, features, ROWS);
  }

  /** As above, for a tile of which only the first {@code rows} rows exist. */
  static void add(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features,
      int rows) {
    if (ROWS == 4 || rows <= 4) {
      add4(out, outAt, in, inAt, block, blockAt, features);
    } else if (rows <= 8) {
      add4(out, outAt, in, inAt, block, blockAt, features);
      add4(out, outAt + 4 * STRIDE, in, inAt + 4, block, blockAt, features);
    } else {
      add12(out, outAt, in, inAt, block, blockAt, features);
    }
  }

  /** Copies one row of {@link #STRIDE} floats: so short that System.arraycopy's call shows. */
  static void copyLine(float[] from, int at, float[] to, int toAt) {
    for (int c = 0; c < STRIDE; c += LANES) {
      FloatVector.fromArray(FLOATS, from, at + c).intoArray(to, toAt + c);
    }
  }

  /**
   * 16 registers: 8 sums, 2 columns, 4 inputs. Counted in fours, since the sums of addresses are a
   * third of the loop: with fewer of them it went 2 % faster.
   */
  private static void add4(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features) {
    FloatVector a0 = FloatVector.fromArray(FLOATS, out, outAt);
    FloatVector b0 = FloatVector.fromArray(FLOATS, out, outAt + LANES);
    FloatVector a1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE);
    FloatVector b1 = FloatVector.fromArray(FLOATS, out, outAt + STRIDE + LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE);
    FloatVector b2 = FloatVector.fromArray(FLOATS, out, outAt + 2 * STRIDE + LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE);
    FloatVector b3 = FloatVector.fromArray(FLOATS, out, outAt + 3 * STRIDE + LANES);
    int end = 4 * features;
    for (int i = 0; i < end; i += 4) {
      long at = blockAt + (long) i * (LINE / 4);
      FloatVector left = FloatVector.fromMemorySegment(FLOATS, block, at, ORDER);
      FloatVector right = FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER);
      int row = inAt + i * (ROWS / 4);
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

  /** 32 registers: 24 sums, 2 columns, up to 6 inputs. */
  private static void add12(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features) {
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
      long at = blockAt + (long) k * LINE;
      FloatVector left = FloatVector.fromMemorySegment(FLOATS, block, at, ORDER);
      FloatVector right = FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER);
      int row = inAt + k * 12;
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
