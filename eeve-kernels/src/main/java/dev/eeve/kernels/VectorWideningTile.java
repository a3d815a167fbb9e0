package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The first tile of a block at 512 bits: widens the weights' lines as it meets them and leaves them
 * for the tiles that follow. Twelve rows take a core about as long per line as memory does, so
 * reading weights costs nothing beside it.
 */
final class VectorWideningTile {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final int LINE = VectorTile.LINE;
  private static final int STRIDE = VectorTile.STRIDE;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Whether a tile is as wide as a panel and has the registers; else widen first. */
  static final boolean AVAILABLE = VectorTile.ROWS == 12;

  private VectorWideningTile() {}

  /**
   * {@link VectorProduct#widen} and {@link VectorTile#add} in one: the same bits.
   *
   * @param from first feature
   * @param block widened lines {@code (features, 32)} from byte {@code blockAt}, overwritten
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
      MemorySegment block,
      long blockAt) {
    MemorySegment w = weight.memory;
    long line = weight.line(panel, from);
    switch (weight.type()) {
      case F32 -> addF32(out, outAt, in, inAt, w, line, block, blockAt, features);
      case BF16 -> addBf16(out, outAt, in, inAt, w, line, block, blockAt, features);
      case F16 -> addF16(out, outAt, in, inAt, w, line, block, blockAt, features);
    }
  }

  /** Nothing to widen: the line is copied next to its neighbours. */
  private static void addF32(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment w,
      long panel,
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
      long line = panel + (long) k * Weights.LINE_BYTES;
      long at = blockAt + (long) k * LINE;
      FloatVector left = FloatVector.fromMemorySegment(FLOATS, w, line, ORDER);
      FloatVector right = FloatVector.fromMemorySegment(FLOATS, w, line + BYTES, ORDER);
      left.intoMemorySegment(block, at, ORDER);
      right.intoMemorySegment(block, at + BYTES, ORDER);
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

  /** A 16-bit line is 16 ints: row j in the low halves, row 16 + j in the high ones. */
  private static void addBf16(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment w,
      long panel,
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
      long line = panel + (long) k * Weights.LINE_BYTES;
      long at = blockAt + (long) k * LINE;
      IntVector v = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      FloatVector left = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector right = v.and(0xFFFF0000).reinterpretAsFloats();
      left.intoMemorySegment(block, at, ORDER);
      right.intoMemorySegment(block, at + BYTES, ORDER);
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

  /** As BF16, by shifts and one exact scaling. */
  private static void addF16(
      float[] out,
      int outAt,
      float[] in,
      int inAt,
      MemorySegment w,
      long panel,
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
      long line = panel + (long) k * Weights.LINE_BYTES;
      long at = blockAt + (long) k * LINE;
      IntVector v = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      FloatVector left =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      FloatVector right =
          v.lanewise(VectorOperators.ASHR, 3)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      left.intoMemorySegment(block, at, ORDER);
      right.intoMemorySegment(block, at + BYTES, ORDER);
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
