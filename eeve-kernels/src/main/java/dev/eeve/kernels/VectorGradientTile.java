package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** {@link VectorTile} for a gradient that is overwritten: it goes straight into its panel. */
final class VectorGradientTile {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int BYTES = FLOATS.vectorByteSize();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int ROWS = VectorTile.ROWS;
  private static final int LINE = VectorTile.LINE;
  private static final int OUT_LINE = Weights.LINE_BYTES;

  private VectorGradientTile() {}

  /** Whether {@link #write} takes a tile of which {@code rows} rows exist. */
  static boolean takes(int rows) {
    return rows == ROWS;
  }

  /**
   * {@code out[r][c] = Σk in[k][r] · block[k][c]} as {@link VectorTile#add} computes it, but from 0
   * and straight into the lines of an F32 panel: by way of an array a gradient took an eighth
   * longer, with 256 bits a fortieth.
   *
   * @param out {@link VectorTile#ROWS} lines of {@link VectorTile#STRIDE} floats from byte {@code
   *     outAt}, {@link VectorTile#COLUMNS} of each overwritten
   */
  static void write(
      MemorySegment out,
      long outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features) {
    if (ROWS == 12) {
      write12(out, outAt, in, inAt, block, blockAt, features);
    } else {
      write4(out, outAt, in, inAt, block, blockAt, features);
    }
  }

  private static void write4(
      MemorySegment out,
      long outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features) {
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(FLOATS);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(FLOATS);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(FLOATS);
    FloatVector b3 = a3;
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
    a0.intoMemorySegment(out, outAt, ORDER);
    b0.intoMemorySegment(out, outAt + BYTES, ORDER);
    a1.intoMemorySegment(out, outAt + OUT_LINE, ORDER);
    b1.intoMemorySegment(out, outAt + OUT_LINE + BYTES, ORDER);
    a2.intoMemorySegment(out, outAt + 2 * OUT_LINE, ORDER);
    b2.intoMemorySegment(out, outAt + 2 * OUT_LINE + BYTES, ORDER);
    a3.intoMemorySegment(out, outAt + 3 * OUT_LINE, ORDER);
    b3.intoMemorySegment(out, outAt + 3 * OUT_LINE + BYTES, ORDER);
  }

  private static void write12(
      MemorySegment out,
      long outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long blockAt,
      int features) {
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(FLOATS);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(FLOATS);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(FLOATS);
    FloatVector b3 = a3;
    FloatVector a4 = FloatVector.zero(FLOATS);
    FloatVector b4 = a4;
    FloatVector a5 = FloatVector.zero(FLOATS);
    FloatVector b5 = a5;
    FloatVector a6 = FloatVector.zero(FLOATS);
    FloatVector b6 = a6;
    FloatVector a7 = FloatVector.zero(FLOATS);
    FloatVector b7 = a7;
    FloatVector a8 = FloatVector.zero(FLOATS);
    FloatVector b8 = a8;
    FloatVector a9 = FloatVector.zero(FLOATS);
    FloatVector b9 = a9;
    FloatVector a10 = FloatVector.zero(FLOATS);
    FloatVector b10 = a10;
    FloatVector a11 = FloatVector.zero(FLOATS);
    FloatVector b11 = a11;
    for (int k = 0; k < features; k++) {
      long at = blockAt + (long) k * LINE;
      FloatVector left = FloatVector.fromMemorySegment(FLOATS, block, at, ORDER);
      FloatVector right = FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER);
      int row = inAt + k * ROWS;
      FloatVector x0 = FloatVector.broadcast(FLOATS, in[row + 0]);
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
    a0.intoMemorySegment(out, outAt + 0 * OUT_LINE, ORDER);
    b0.intoMemorySegment(out, outAt + 0 * OUT_LINE + BYTES, ORDER);
    a1.intoMemorySegment(out, outAt + 1 * OUT_LINE, ORDER);
    b1.intoMemorySegment(out, outAt + 1 * OUT_LINE + BYTES, ORDER);
    a2.intoMemorySegment(out, outAt + 2 * OUT_LINE, ORDER);
    b2.intoMemorySegment(out, outAt + 2 * OUT_LINE + BYTES, ORDER);
    a3.intoMemorySegment(out, outAt + 3 * OUT_LINE, ORDER);
    b3.intoMemorySegment(out, outAt + 3 * OUT_LINE + BYTES, ORDER);
    a4.intoMemorySegment(out, outAt + 4 * OUT_LINE, ORDER);
    b4.intoMemorySegment(out, outAt + 4 * OUT_LINE + BYTES, ORDER);
    a5.intoMemorySegment(out, outAt + 5 * OUT_LINE, ORDER);
    b5.intoMemorySegment(out, outAt + 5 * OUT_LINE + BYTES, ORDER);
    a6.intoMemorySegment(out, outAt + 6 * OUT_LINE, ORDER);
    b6.intoMemorySegment(out, outAt + 6 * OUT_LINE + BYTES, ORDER);
    a7.intoMemorySegment(out, outAt + 7 * OUT_LINE, ORDER);
    b7.intoMemorySegment(out, outAt + 7 * OUT_LINE + BYTES, ORDER);
    a8.intoMemorySegment(out, outAt + 8 * OUT_LINE, ORDER);
    b8.intoMemorySegment(out, outAt + 8 * OUT_LINE + BYTES, ORDER);
    a9.intoMemorySegment(out, outAt + 9 * OUT_LINE, ORDER);
    b9.intoMemorySegment(out, outAt + 9 * OUT_LINE + BYTES, ORDER);
    a10.intoMemorySegment(out, outAt + 10 * OUT_LINE, ORDER);
    b10.intoMemorySegment(out, outAt + 10 * OUT_LINE + BYTES, ORDER);
    a11.intoMemorySegment(out, outAt + 11 * OUT_LINE, ORDER);
    b11.intoMemorySegment(out, outAt + 11 * OUT_LINE + BYTES, ORDER);
  }
}
