package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link VectorBytes} for few rows and vectors of less than 512 bits: a vector of ints holds the
 * codes of four vectors of floats, each of which a shift and a mask leave at the top of its int, as
 * 2^24 times itself. So lane i of the j-th vector is row 4 i + j, which sums and scales follow.
 */
final class VectorByteLines {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();

  /** Rows whose codes fill a vector. */
  private static final int ROWS = 4 * LANES;

  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final int GROUP = Weights.GROUP_ROWS;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** The uppermost byte of an int. */
  private static final int TOP = 0xFF000000;

  /** An F16's exponent bias, and what codes are too large by. */
  private static final float SCALE_UNIT = VectorProduct.F16_SCALE * 0x1p-24f;

  /** Every second of two vectors' ints, the first or the second of a pair. */
  private static final VectorShuffle<Integer> EVEN = second(0);

  private static final VectorShuffle<Integer> ODD = second(1);

  private VectorByteLines() {}

  /** An index less than 0 stands for the second vector's. */
  private static VectorShuffle<Integer> second(int first) {
    return VectorShuffle.fromOp(
        INTS, i -> 2 * i + first < LANES ? 2 * i + first : 2 * i + first - 2 * LANES);
  }

  /**
   * Adds a block of one input row to the 64 outputs of a group.
   *
   * @param y running sums as {@link #spread} leaves them, added to
   * @param x the row's 32 features
   * @param scales of the group's rows as {@link #widenScales} leaves them
   * @param at the block's codes
   */
  static void addBlock(
      float[] y, int yAt, float[] x, int xAt, float[] scales, MemorySegment memory, long at) {
    for (int c = 0; c < GROUP; c += ROWS) {
      addRows(y, yAt + c, x, xAt, scales, c, memory, at + c);
    }
  }

  /** Storing a sum each time keeps C2 from loading inputs of later features ahead. */
  private static void addRows(
      float[] y,
      int yAt,
      float[] x,
      int xAt,
      float[] scales,
      int scalesAt,
      MemorySegment memory,
      long at) {
    FloatVector s0 = FloatVector.fromArray(FLOATS, scales, scalesAt);
    FloatVector s1 = FloatVector.fromArray(FLOATS, scales, scalesAt + 1 * LANES);
    FloatVector s2 = FloatVector.fromArray(FLOATS, scales, scalesAt + 2 * LANES);
    FloatVector s3 = FloatVector.fromArray(FLOATS, scales, scalesAt + 3 * LANES);
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + 1 * LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + 2 * LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + 3 * LANES);
    for (int k = 0; k < BLOCK; k += 2) {
      long line = at + k * (long) GROUP;
      FloatVector v = FloatVector.broadcast(FLOATS, x[xAt + k]);
      IntVector w = IntVector.fromMemorySegment(INTS, memory, line, ORDER);
      IntVector code = w.lanewise(VectorOperators.LSHL, 24);
      y0 = ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(s0).fma(v, y0);
      code = w.lanewise(VectorOperators.LSHL, 16).and(TOP);
      y1 = ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(s1).fma(v, y1);
      code = w.lanewise(VectorOperators.LSHL, 8).and(TOP);
      y2 = ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(s2).fma(v, y2);
      y3 = ((FloatVector) w.and(TOP).convert(VectorOperators.I2F, 0)).mul(s3).fma(v, y3);
      v = FloatVector.broadcast(FLOATS, x[xAt + k + 1]);
      w = IntVector.fromMemorySegment(INTS, memory, line + GROUP, ORDER);
      code = w.lanewise(VectorOperators.LSHL, 24);
      y0 = ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(s0).fma(v, y0);
      code = w.lanewise(VectorOperators.LSHL, 16).and(TOP);
      y1 = ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(s1).fma(v, y1);
      code = w.lanewise(VectorOperators.LSHL, 8).and(TOP);
      y2 = ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(s2).fma(v, y2);
      y3 = ((FloatVector) w.and(TOP).convert(VectorOperators.I2F, 0)).mul(s3).fma(v, y3);
      y3.intoArray(y, yAt + 3 * LANES);
    }
    y0.intoArray(y, yAt);
    y1.intoArray(y, yAt + 1 * LANES);
    y2.intoArray(y, yAt + 2 * LANES);
  }

  /**
   * The scales of a group's rows, as {@link #addBlock} wants them.
   *
   * @param scales 64, overwritten
   * @param at the block's
   */
  static void widenScales(float[] scales, MemorySegment memory, long at) {
    for (int c = 0; c < GROUP; c += ROWS) {
      IntVector a = IntVector.fromMemorySegment(INTS, memory, at + 2L * c, ORDER);
      IntVector b = IntVector.fromMemorySegment(INTS, memory, at + 2L * c + 4 * LANES, ORDER);
      IntVector even = a.rearrange(EVEN, b);
      IntVector odd = a.rearrange(ODD, b);
      even.lanewise(VectorOperators.LSHL, 16)
          .lanewise(VectorOperators.ASHR, 3)
          .and(VectorProduct.F16_BITS)
          .reinterpretAsFloats()
          .mul(SCALE_UNIT)
          .intoArray(scales, c);
      even.lanewise(VectorOperators.ASHR, 3)
          .and(VectorProduct.F16_BITS)
          .reinterpretAsFloats()
          .mul(SCALE_UNIT)
          .intoArray(scales, c + 1 * LANES);
      odd.lanewise(VectorOperators.LSHL, 16)
          .lanewise(VectorOperators.ASHR, 3)
          .and(VectorProduct.F16_BITS)
          .reinterpretAsFloats()
          .mul(SCALE_UNIT)
          .intoArray(scales, c + 2 * LANES);
      odd.lanewise(VectorOperators.ASHR, 3)
          .and(VectorProduct.F16_BITS)
          .reinterpretAsFloats()
          .mul(SCALE_UNIT)
          .intoArray(scales, c + 3 * LANES);
    }
  }

  /**
   * Sums of a group's rows in the order of vectors, or back in the order of rows.
   *
   * @param to 64 floats, overwritten
   */
  static void spread(float[] from, int at, float[] to, int toAt, boolean back) {
    for (int row = 0; row < GROUP; row++) {
      int place = row / ROWS * ROWS + row % 4 * LANES + row % ROWS / 4;
      to[toAt + (back ? row : place)] = from[at + (back ? place : row)];
    }
  }
}
