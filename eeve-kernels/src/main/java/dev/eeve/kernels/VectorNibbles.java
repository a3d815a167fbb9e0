package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Weights of 4 bits times inputs of 8 in lanes of 16: a lane is a weight row. */
final class VectorNibbles {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  private static final int WIDE = SHORTS.length();

  /** As many shorts as there are floats. */
  private static final VectorSpecies<Short> HALF =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * 16));

  private static final int BLOCK = BlockLayout.COLUMNS;

  /** Shorts of a line. */
  private static final int LINE = Weights.LINE_BYTES / Short.BYTES;

  /** Lines of a block of a group. */
  private static final int LINES = BLOCK / 4 + 1;

  private static final int BLOCK_BYTES = BlockLayout.bytes(ElementType.Q4_0);
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Makes nibbles that are 8 too large signed ones. */
  private static final short SIGNS = (short) 0x8888;

  /** Rows that one call of {@link #sumBlocks} has sums for. */
  static final int ROWS = 2 * WIDE;

  private VectorNibbles() {}

  /** See {@link QuantizeRowsJob#quantize(float[], int, int[], int, float[], int)}. */
  static void quantize(float[] x, int at, int[] codes, int to, float[] scales, int scaleAt) {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < BLOCK; i += LANES) {
      largest = largest.max(FloatVector.fromArray(FLOATS, x, at + i).abs());
    }
    float scale = QuantizeRowsJob.scale(largest.reduceLanes(VectorOperators.MAX));
    FloatVector inverse = FloatVector.broadcast(FLOATS, QuantizeRowsJob.inverse(scale));
    for (int i = 0; i < BLOCK; i += LANES) {
      IntVector code =
          FloatVector.fromArray(FLOATS, x, at + i)
              .mul(inverse)
              .add(QuantizeRowsJob.ROUND)
              .reinterpretAsInts()
              .sub(Float.floatToRawIntBits(QuantizeRowsJob.ROUND));
      code.lanewise(VectorOperators.LSHL, 16).or(code.and(0xFFFF)).intoArray(codes, to + i);
    }
    scales[scaleAt] = scale;
  }

  /**
   * Sums of blocks of one input row times {@link #ROWS} weight rows: block b's is {@code sums[b +
   * 1] − sums[b]} and the block's start, modulo 2^16, which is exact.
   *
   * <p>One loop over all lines, in order, those of scales included, which meet zeros: a processor's
   * prefetcher follows such a loop, and loses its way where loops are nested.
   *
   * @param sums so many a block and once more, {@code ROWS} apart, overwritten
   * @param steps the row's codes as {@link QuantizeRowsJob} makes them steps
   * @param at the first block, from the first of the rows
   */
  static void sumBlocks(
      short[] sums, int[] steps, int stepsAt, MemorySegment memory, long at, int blocks) {
    ShortVector s0 = ShortVector.zero(SHORTS);
    ShortVector s1 = ShortVector.zero(SHORTS);
    s0.intoArray(sums, 0);
    s1.intoArray(sums, WIDE);
    for (int i = 0; i < blocks * LINES; i++) {
      long line = at + i * (long) Weights.LINE_BYTES;
      int k = stepsAt + i * 4;
      ShortVector x0 = IntVector.broadcast(INTS, steps[k]).reinterpretAsShorts();
      ShortVector x1 = IntVector.broadcast(INTS, steps[k + 1]).reinterpretAsShorts();
      ShortVector x2 = IntVector.broadcast(INTS, steps[k + 2]).reinterpretAsShorts();
      ShortVector x3 = IntVector.broadcast(INTS, steps[k + 3]).reinterpretAsShorts();
      ShortVector v = ShortVector.fromMemorySegment(SHORTS, memory, line, ORDER);
      s0 =
          s0.add(v.mul(x0))
              .add(v.lanewise(VectorOperators.LSHR, 4).mul(x1))
              .add(v.lanewise(VectorOperators.LSHR, 8).mul(x2))
              .add(v.lanewise(VectorOperators.LSHR, 12).mul(x3));
      v = ShortVector.fromMemorySegment(SHORTS, memory, line + 2 * WIDE, ORDER);
      s1 =
          s1.add(v.mul(x0))
              .add(v.lanewise(VectorOperators.LSHR, 4).mul(x1))
              .add(v.lanewise(VectorOperators.LSHR, 8).mul(x2))
              .add(v.lanewise(VectorOperators.LSHR, 12).mul(x3));
      int to = (i / LINES + 1) * ROWS;
      s0.intoArray(sums, to);
      s1.intoArray(sums, to + WIDE);
    }
  }

  /**
   * Adds sums of blocks to {@link #ROWS} outputs.
   *
   * @param y running sums, added to
   * @param sums as {@link #sumBlocks} leaves them
   * @param starting the input row's, one a block
   * @param scales the input row's, one a block
   * @param at where the first block's scales are, from the first of the rows
   */
  static void addSums(
      float[] y,
      int yAt,
      short[] sums,
      short[] starting,
      float[] scales,
      int scalesAt,
      MemorySegment memory,
      long at,
      int blocks) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt + 0 * LANES);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + 1 * LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + 2 * LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + 3 * LANES);
    for (int b = 0; b < blocks; b++) {
      long place = at + b * (long) BLOCK_BYTES;
      int from = b * ROWS;
      FloatVector scale = FloatVector.broadcast(FLOATS, scales[scalesAt + b]);
      ShortVector start = ShortVector.broadcast(HALF, starting[scalesAt + b]);
      y0 =
          ((FloatVector)
                  ShortVector.fromArray(HALF, sums, from + ROWS + 0 * LANES)
                      .sub(ShortVector.fromArray(HALF, sums, from + 0 * LANES))
                      .add(start)
                      .convertShape(VectorOperators.S2F, FLOATS, 0))
              .fma(
                  ((IntVector)
                          ShortVector.fromMemorySegment(HALF, memory, place + 0 * 2 * LANES, ORDER)
                              .convertShape(VectorOperators.S2I, INTS, 0))
                      .lanewise(VectorOperators.LSHL, 13)
                      .and(VectorProduct.F16_BITS)
                      .reinterpretAsFloats()
                      .mul(VectorProduct.F16_SCALE)
                      .mul(scale),
                  y0);
      y1 =
          ((FloatVector)
                  ShortVector.fromArray(HALF, sums, from + ROWS + 1 * LANES)
                      .sub(ShortVector.fromArray(HALF, sums, from + 1 * LANES))
                      .add(start)
                      .convertShape(VectorOperators.S2F, FLOATS, 0))
              .fma(
                  ((IntVector)
                          ShortVector.fromMemorySegment(HALF, memory, place + 1 * 2 * LANES, ORDER)
                              .convertShape(VectorOperators.S2I, INTS, 0))
                      .lanewise(VectorOperators.LSHL, 13)
                      .and(VectorProduct.F16_BITS)
                      .reinterpretAsFloats()
                      .mul(VectorProduct.F16_SCALE)
                      .mul(scale),
                  y1);
      y2 =
          ((FloatVector)
                  ShortVector.fromArray(HALF, sums, from + ROWS + 2 * LANES)
                      .sub(ShortVector.fromArray(HALF, sums, from + 2 * LANES))
                      .add(start)
                      .convertShape(VectorOperators.S2F, FLOATS, 0))
              .fma(
                  ((IntVector)
                          ShortVector.fromMemorySegment(HALF, memory, place + 2 * 2 * LANES, ORDER)
                              .convertShape(VectorOperators.S2I, INTS, 0))
                      .lanewise(VectorOperators.LSHL, 13)
                      .and(VectorProduct.F16_BITS)
                      .reinterpretAsFloats()
                      .mul(VectorProduct.F16_SCALE)
                      .mul(scale),
                  y2);
      y3 =
          ((FloatVector)
                  ShortVector.fromArray(HALF, sums, from + ROWS + 3 * LANES)
                      .sub(ShortVector.fromArray(HALF, sums, from + 3 * LANES))
                      .add(start)
                      .convertShape(VectorOperators.S2F, FLOATS, 0))
              .fma(
                  ((IntVector)
                          ShortVector.fromMemorySegment(HALF, memory, place + 3 * 2 * LANES, ORDER)
                              .convertShape(VectorOperators.S2I, INTS, 0))
                      .lanewise(VectorOperators.LSHL, 13)
                      .and(VectorProduct.F16_BITS)
                      .reinterpretAsFloats()
                      .mul(VectorProduct.F16_SCALE)
                      .mul(scale),
                  y3);
    }
    y0.intoArray(y, yAt + 0 * LANES);
    y1.intoArray(y, yAt + 1 * LANES);
    y2.intoArray(y, yAt + 2 * LANES);
    y3.intoArray(y, yAt + 3 * LANES);
  }

  /** Scales of 32 rows as fp32. */
  static void widenScales(short[] lines, int at, float[] target, int to) {
    for (int c = 0; c < Weights.PANEL_ROWS; c += LANES) {
      ((IntVector)
              ShortVector.fromArray(HALF, lines, at + c).convertShape(VectorOperators.S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 13)
          .and(VectorProduct.F16_BITS)
          .reinterpretAsFloats()
          .mul(VectorProduct.F16_SCALE)
          .intoArray(target, to + c);
    }
  }

  /** The codes of a panel's block as shorts: {@code target (32 columns, 32 rows)}, overwritten. */
  static void widenCodes(short[] lines, int at, short[] target, int to) {
    for (int c = 0; c < Weights.PANEL_ROWS; c += WIDE) {
      for (int i = 0; i < BLOCK / 4; i++) {
        ShortVector v =
            ShortVector.fromArray(SHORTS, lines, at + LINE + i * LINE + c)
                .lanewise(VectorOperators.XOR, SIGNS);
        int column = to + i * 4 * Weights.PANEL_ROWS + c;
        v.lanewise(VectorOperators.LSHL, 12)
            .lanewise(VectorOperators.ASHR, 12)
            .intoArray(target, column);
        v.lanewise(VectorOperators.LSHL, 8)
            .lanewise(VectorOperators.ASHR, 12)
            .intoArray(target, column + Weights.PANEL_ROWS);
        v.lanewise(VectorOperators.LSHL, 4)
            .lanewise(VectorOperators.ASHR, 12)
            .intoArray(target, column + 2 * Weights.PANEL_ROWS);
        v.lanewise(VectorOperators.ASHR, 12).intoArray(target, column + 3 * Weights.PANEL_ROWS);
      }
    }
  }

  /** The values of a panel's block as fp32, where {@link VectorTile} wants them. */
  static void widen(short[] lines, int at, float[] room, int to, int width) {
    int tile = VectorTile.COLUMNS;
    for (int c = 0; c < Weights.PANEL_ROWS; c += LANES) {
      FloatVector scale =
          ((IntVector)
                  ShortVector.fromArray(HALF, lines, at + c)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      int column = to + c / tile * tile * width + c % tile;
      for (int i = 0; i < BLOCK / 4; i++) {
        ShortVector v =
            ShortVector.fromArray(HALF, lines, at + LINE + i * LINE + c)
                .lanewise(VectorOperators.XOR, SIGNS);
        int place = column + i * 4 * tile;
        ((FloatVector)
                v.lanewise(VectorOperators.LSHL, 12)
                    .lanewise(VectorOperators.ASHR, 12)
                    .convertShape(VectorOperators.S2F, FLOATS, 0))
            .mul(scale)
            .intoArray(room, place);
        ((FloatVector)
                v.lanewise(VectorOperators.LSHL, 8)
                    .lanewise(VectorOperators.ASHR, 12)
                    .convertShape(VectorOperators.S2F, FLOATS, 0))
            .mul(scale)
            .intoArray(room, place + tile);
        ((FloatVector)
                v.lanewise(VectorOperators.LSHL, 4)
                    .lanewise(VectorOperators.ASHR, 12)
                    .convertShape(VectorOperators.S2F, FLOATS, 0))
            .mul(scale)
            .intoArray(room, place + 2 * tile);
        ((FloatVector)
                v.lanewise(VectorOperators.ASHR, 12).convertShape(VectorOperators.S2F, FLOATS, 0))
            .mul(scale)
            .intoArray(room, place + 3 * tile);
      }
    }
  }
}
