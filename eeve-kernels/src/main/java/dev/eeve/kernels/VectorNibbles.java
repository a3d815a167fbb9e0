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

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Makes nibbles that are 8 too large signed ones. */
  private static final short SIGNS = (short) 0x8888;

  /** The lowest nibble of both shorts of an int. */
  private static final int LOWEST = 0x000F000F;

  /** What nibbles are too large by. */
  private static final short ZERO = 8;

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
   * @param blocks of the input row
   * @param groups how often it meets that many blocks: groups follow each other
   */
  static void sumBlocks(
      short[] sums,
      int[] steps,
      int stepsAt,
      MemorySegment memory,
      long at,
      int blocks,
      int groups) {
    int last = stepsAt + (blocks * LINES - 1) * 4;
    int k = stepsAt;
    ShortVector s0 = ShortVector.zero(SHORTS);
    ShortVector s1 = ShortVector.zero(SHORTS);
    s0.intoArray(sums, 0);
    s1.intoArray(sums, WIDE);
    for (int i = 0; i < groups * blocks * LINES; i++) {
      long line = at + i * (long) Weights.LINE_BYTES;
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
      k = k == last ? stepsAt : k + 4;
    }
  }

  /**
   * Adds sums of blocks to {@link #ROWS} outputs.
   *
   * @param y running sums, added to
   * @param sums as {@link #sumBlocks} leaves them
   * @param starting the input row's, one a block
   * @param scales the input row's, one a block
   * @param weightScales of these rows, {@code ROWS} a block
   */
  static void addSums(
      float[] y,
      int yAt,
      short[] sums,
      int sumsAt,
      short[] starting,
      float[] scales,
      int scalesAt,
      float[] weightScales,
      int weightScalesAt,
      int blocks) {
    for (int c = 0; c < ROWS; c += LANES) {
      FloatVector sum = FloatVector.fromArray(FLOATS, y, yAt + c);
      for (int b = 0; b < blocks; b++) {
        int from = sumsAt + b * ROWS + c;
        sum =
            ((FloatVector)
                    ShortVector.fromArray(HALF, sums, from + ROWS)
                        .sub(ShortVector.fromArray(HALF, sums, from))
                        .add(starting[scalesAt + b])
                        .convertShape(VectorOperators.S2F, FLOATS, 0))
                .fma(
                    FloatVector.fromArray(FLOATS, weightScales, weightScalesAt + b * ROWS + c)
                        .mul(scales[scalesAt + b]),
                    sum);
      }
      sum.intoArray(y, yAt + c);
    }
  }

  /**
   * Adds a block of one input row to the 64 outputs of a group: the way of vectors of less than 512
   * bits, of which a loop over a single block's lines keeps all sums in registers.
   *
   * @param y running sums, added to
   * @param steps the row's codes of this block as {@link QuantizeRowsJob} makes them steps
   * @param at the block's scales; its lines of codes follow
   * @param starting the input row's
   * @param scale the input row's
   * @param room for 64 shorts
   */
  static void addBlock(
      float[] y,
      int yAt,
      int[] steps,
      int stepsAt,
      MemorySegment memory,
      long at,
      short starting,
      float scale,
      short[] room) {
    for (int c = 0; c < Weights.GROUP_ROWS; c += 4 * WIDE) {
      sumBlock(room, c, steps, stepsAt, memory, at + Weights.LINE_BYTES + 2L * c);
    }
    for (int c = 0; c < Weights.GROUP_ROWS; c += LANES) {
      FloatVector scales = // written out: passed to a method, vectors may be allocated
          ((IntVector)
                  ShortVector.fromMemorySegment(HALF, memory, at + 2L * c, ORDER)
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      ((FloatVector)
              ShortVector.fromArray(HALF, room, c)
                  .add(starting)
                  .convertShape(VectorOperators.S2F, FLOATS, 0))
          .fma(scales.mul(scale), FloatVector.fromArray(FLOATS, y, yAt + c))
          .intoArray(y, yAt + c);
    }
  }

  /**
   * Sums of one block's lines, modulo 2^16. Shifts are those of ints, which C2 gives as one
   * instruction each; of shorts it moves the count to a register every time.
   */
  private static void sumBlock(
      short[] sums, int to, int[] steps, int stepsAt, MemorySegment memory, long at) {
    ShortVector s0 = ShortVector.zero(SHORTS);
    ShortVector s1 = ShortVector.zero(SHORTS);
    ShortVector s2 = ShortVector.zero(SHORTS);
    ShortVector s3 = ShortVector.zero(SHORTS);
    for (int i = 0; i < BLOCK / 4; i++) {
      long line = at + i * (long) Weights.LINE_BYTES;
      int k = stepsAt + i * 4;
      ShortVector x0 = IntVector.broadcast(INTS, steps[k]).reinterpretAsShorts();
      ShortVector x1 = IntVector.broadcast(INTS, steps[k + 1]).reinterpretAsShorts();
      ShortVector x2 = IntVector.broadcast(INTS, steps[k + 2]).reinterpretAsShorts();
      ShortVector x3 = IntVector.broadcast(INTS, steps[k + 3]).reinterpretAsShorts();
      IntVector v = IntVector.fromMemorySegment(INTS, memory, line, ORDER);
      s0 =
          s0.add(v.reinterpretAsShorts().mul(x0))
              .add(
                  v.lanewise(VectorOperators.LSHR, 4).and(0x0FFF0FFF).reinterpretAsShorts().mul(x1))
              .add(
                  v.lanewise(VectorOperators.LSHR, 8).and(0x00FF00FF).reinterpretAsShorts().mul(x2))
              .add(
                  v.lanewise(VectorOperators.LSHR, 12)
                      .and(0x000F000F)
                      .reinterpretAsShorts()
                      .mul(x3));
      v = IntVector.fromMemorySegment(INTS, memory, line + 2 * WIDE, ORDER);
      s1 =
          s1.add(v.reinterpretAsShorts().mul(x0))
              .add(
                  v.lanewise(VectorOperators.LSHR, 4).and(0x0FFF0FFF).reinterpretAsShorts().mul(x1))
              .add(
                  v.lanewise(VectorOperators.LSHR, 8).and(0x00FF00FF).reinterpretAsShorts().mul(x2))
              .add(
                  v.lanewise(VectorOperators.LSHR, 12)
                      .and(0x000F000F)
                      .reinterpretAsShorts()
                      .mul(x3));
      v = IntVector.fromMemorySegment(INTS, memory, line + 4 * WIDE, ORDER);
      s2 =
          s2.add(v.reinterpretAsShorts().mul(x0))
              .add(
                  v.lanewise(VectorOperators.LSHR, 4).and(0x0FFF0FFF).reinterpretAsShorts().mul(x1))
              .add(
                  v.lanewise(VectorOperators.LSHR, 8).and(0x00FF00FF).reinterpretAsShorts().mul(x2))
              .add(
                  v.lanewise(VectorOperators.LSHR, 12)
                      .and(0x000F000F)
                      .reinterpretAsShorts()
                      .mul(x3));
      v = IntVector.fromMemorySegment(INTS, memory, line + 6 * WIDE, ORDER);
      s3 =
          s3.add(v.reinterpretAsShorts().mul(x0))
              .add(
                  v.lanewise(VectorOperators.LSHR, 4).and(0x0FFF0FFF).reinterpretAsShorts().mul(x1))
              .add(
                  v.lanewise(VectorOperators.LSHR, 8).and(0x00FF00FF).reinterpretAsShorts().mul(x2))
              .add(
                  v.lanewise(VectorOperators.LSHR, 12)
                      .and(0x000F000F)
                      .reinterpretAsShorts()
                      .mul(x3));
    }
    s0.intoArray(sums, to);
    s1.intoArray(sums, to + WIDE);
    s2.intoArray(sums, to + 2 * WIDE);
    s3.intoArray(sums, to + 3 * WIDE);
  }

  /**
   * The codes of a panel's block as shorts.
   *
   * @param lines a block of a group, its codes
   * @param at 0 or 32, the panel's first row in the group
   * @param target {@code (32 columns, 32 rows)}, overwritten
   */
  static void widenCodes(short[] lines, int at, short[] target, int to) {
    for (int c = 0; c < Weights.PANEL_ROWS; c += WIDE) {
      for (int i = 0; i < BLOCK / 4; i++) {
        IntVector v = ShortVector.fromArray(SHORTS, lines, at + i * LINE + c).reinterpretAsInts();
        int column = to + i * 4 * Weights.PANEL_ROWS + c;
        v.and(LOWEST).reinterpretAsShorts().sub(ZERO).intoArray(target, column);
        v.lanewise(VectorOperators.LSHR, 4)
            .and(LOWEST)
            .reinterpretAsShorts()
            .sub(ZERO)
            .intoArray(target, column + Weights.PANEL_ROWS);
        v.lanewise(VectorOperators.LSHR, 8)
            .and(LOWEST)
            .reinterpretAsShorts()
            .sub(ZERO)
            .intoArray(target, column + 2 * Weights.PANEL_ROWS);
        v.lanewise(VectorOperators.LSHR, 12)
            .and(LOWEST)
            .reinterpretAsShorts()
            .sub(ZERO)
            .intoArray(target, column + 3 * Weights.PANEL_ROWS);
      }
    }
  }

  /**
   * The values of a panel's block as fp32, where {@link VectorTile} wants them.
   *
   * @param lines a block of a group, its codes
   * @param at 0 or 32, the panel's first row in the group
   * @param scales the panel's in this block
   */
  static void widen(
      short[] lines, int at, float[] scales, int scalesAt, float[] room, int to, int width) {
    int tile = VectorTile.COLUMNS;
    for (int c = 0; c < Weights.PANEL_ROWS; c += LANES) {
      FloatVector scale = FloatVector.fromArray(FLOATS, scales, scalesAt + c);
      int column = to + c / tile * tile * width + c % tile;
      for (int i = 0; i < BLOCK / 4; i++) {
        ShortVector v =
            ShortVector.fromArray(HALF, lines, at + i * LINE + c)
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
