package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The register tile of {@link StrassenJob}: a {@link VectorTile} over the sum or the difference of
 * two widened blocks, which is formed in registers and hides behind the multiply-adds. The vector
 * twin of {@link ScalarStrassen}.
 */
final class VectorPairTile {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int ROWS = VectorTile.ROWS;
  private static final int LINE = VectorTile.LINE;
  private static final int STRIDE = VectorTile.STRIDE;

  private VectorPairTile() {}

  /**
   * {@code out[r][c] = Σk in[k][r] · (first[k][c] ± second[k][c])}, one fused multiply-add per k in
   * order, from 0.
   *
   * @param out rows of {@link VectorTile#STRIDE} floats from {@code outAt}, overwritten
   * @param in packed {@code (features, ROWS)} from {@code inAt}
   * @param block holds both, {@code (features, COLUMNS)} from bytes {@code first} and {@code
   *     second}
   * @param minus whether {@code second} is subtracted
   * @param rows rows of the tile that exist
   */
  static void multiply(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long first,
      long second,
      boolean minus,
      int features,
      int rows) {
    if (rows > 8 && minus) {
      difference12(out, outAt, in, inAt, block, first, second, features);
      return;
    }
    if (rows > 8) {
      sum12(out, outAt, in, inAt, block, first, second, features);
      return;
    }
    for (int r = 0; r < rows; r += 4) {
      if (minus) {
        difference4(out, outAt + r * STRIDE, in, inAt + r, block, first, second, features);
      } else {
        sum4(out, outAt + r * STRIDE, in, inAt + r, block, first, second, features);
      }
    }
  }

  /** {@code sums += sign · product}, whole vectors of them. */
  static void add(float[] sums, int at, float sign, float[] product, int count) {
    FloatVector factor = FloatVector.broadcast(FLOATS, sign);
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(FLOATS, product, i)
          .fma(factor, FloatVector.fromArray(FLOATS, sums, at + i))
          .intoArray(sums, at + i);
    }
  }

  private static void sum12(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long first,
      long second,
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
      long at = first + (long) k * LINE;
      long other = second + (long) k * LINE;
      FloatVector left =
          FloatVector.fromMemorySegment(FLOATS, block, at, ORDER)
              .add(FloatVector.fromMemorySegment(FLOATS, block, other, ORDER));
      FloatVector right =
          FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER)
              .add(FloatVector.fromMemorySegment(FLOATS, block, other + BYTES, ORDER));
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

  private static void difference12(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long first,
      long second,
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
      long at = first + (long) k * LINE;
      long other = second + (long) k * LINE;
      FloatVector left =
          FloatVector.fromMemorySegment(FLOATS, block, at, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, block, other, ORDER));
      FloatVector right =
          FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, block, other + BYTES, ORDER));
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

  private static void sum4(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long first,
      long second,
      int features) {
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(FLOATS);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(FLOATS);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(FLOATS);
    FloatVector b3 = a3;
    for (int k = 0; k < features; k++) {
      long at = first + (long) k * LINE;
      long other = second + (long) k * LINE;
      FloatVector left =
          FloatVector.fromMemorySegment(FLOATS, block, at, ORDER)
              .add(FloatVector.fromMemorySegment(FLOATS, block, other, ORDER));
      FloatVector right =
          FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER)
              .add(FloatVector.fromMemorySegment(FLOATS, block, other + BYTES, ORDER));
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

  private static void difference4(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment block,
      long first,
      long second,
      int features) {
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = FloatVector.zero(FLOATS);
    FloatVector b1 = a1;
    FloatVector a2 = FloatVector.zero(FLOATS);
    FloatVector b2 = a2;
    FloatVector a3 = FloatVector.zero(FLOATS);
    FloatVector b3 = a3;
    for (int k = 0; k < features; k++) {
      long at = first + (long) k * LINE;
      long other = second + (long) k * LINE;
      FloatVector left =
          FloatVector.fromMemorySegment(FLOATS, block, at, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, block, other, ORDER));
      FloatVector right =
          FloatVector.fromMemorySegment(FLOATS, block, at + BYTES, ORDER)
              .sub(FloatVector.fromMemorySegment(FLOATS, block, other + BYTES, ORDER));
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
}
