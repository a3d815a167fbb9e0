package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Weights of 4 bits times inputs of 8 in lanes of 16: a lane is a weight row. All from arrays,
 * where C2 checks a loop's accesses once.
 */
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

  /** Shorts of a block of a group. */
  private static final int SIZE = BlockLayout.bytes(ElementType.Q4_0) / Short.BYTES;

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
   * Exact sums of blocks of one input row times {@link #ROWS} weight rows.
   *
   * @param sums so many a block, {@code ROWS} apart, overwritten
   * @param codes the row's, 32 a block from {@code codesAt}
   * @param lines blocks of a group as {@link BlockLayout} has them, from the first of the rows
   */
  static void sumBlocks(
      short[] sums, int[] codes, int codesAt, short[] lines, int linesAt, int blocks) {
    for (int b = 0; b < blocks; b++) {
      ShortVector s0 = ShortVector.zero(SHORTS);
      ShortVector s1 = ShortVector.zero(SHORTS);
      for (int i = 0; i < BLOCK / 4; i++) {
        int k = codesAt + b * BLOCK + i * 4;
        int line = linesAt + b * SIZE + LINE + i * LINE;
        ShortVector v = ShortVector.fromArray(SHORTS, lines, line);
        ShortVector w = ShortVector.fromArray(SHORTS, lines, line + WIDE);
        ShortVector x = IntVector.broadcast(INTS, codes[k]).reinterpretAsShorts();
        s0 = s0.add(v.lanewise(VectorOperators.LSHL, 12).lanewise(VectorOperators.ASHR, 12).mul(x));
        s1 = s1.add(w.lanewise(VectorOperators.LSHL, 12).lanewise(VectorOperators.ASHR, 12).mul(x));
        x = IntVector.broadcast(INTS, codes[k + 1]).reinterpretAsShorts();
        s0 = s0.add(v.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 12).mul(x));
        s1 = s1.add(w.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 12).mul(x));
        x = IntVector.broadcast(INTS, codes[k + 2]).reinterpretAsShorts();
        s0 = s0.add(v.lanewise(VectorOperators.LSHL, 4).lanewise(VectorOperators.ASHR, 12).mul(x));
        s1 = s1.add(w.lanewise(VectorOperators.LSHL, 4).lanewise(VectorOperators.ASHR, 12).mul(x));
        x = IntVector.broadcast(INTS, codes[k + 3]).reinterpretAsShorts();
        s0 = s0.add(v.lanewise(VectorOperators.ASHR, 12).mul(x));
        s1 = s1.add(w.lanewise(VectorOperators.ASHR, 12).mul(x));
      }
      s0.intoArray(sums, b * ROWS);
      s1.intoArray(sums, b * ROWS + WIDE);
    }
  }

  /**
   * Adds sums of blocks to {@link #ROWS} outputs.
   *
   * @param y running sums, added to
   * @param sums as {@link #sumBlocks} leaves them
   * @param scales the input row's, one a block
   * @param lines where the weights' scales are
   */
  static void addSums(
      float[] y,
      int yAt,
      short[] sums,
      float[] scales,
      int scalesAt,
      short[] lines,
      int linesAt,
      int blocks) {
    for (int c = 0; c < ROWS; c += LANES) {
      FloatVector sum = FloatVector.fromArray(FLOATS, y, yAt + c);
      for (int b = 0; b < blocks; b++) {
        FloatVector scale =
            ((IntVector)
                    ShortVector.fromArray(HALF, lines, linesAt + b * SIZE + c)
                        .convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, 13)
                .and(VectorProduct.F16_BITS)
                .reinterpretAsFloats()
                .mul(VectorProduct.F16_SCALE);
        sum =
            ((FloatVector)
                    ShortVector.fromArray(HALF, sums, b * ROWS + c)
                        .convertShape(VectorOperators.S2F, FLOATS, 0))
                .fma(scale.mul(scales[scalesAt + b]), sum);
      }
      sum.intoArray(y, yAt + c);
    }
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
        ShortVector v = ShortVector.fromArray(SHORTS, lines, at + LINE + i * LINE + c);
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
        ShortVector v = ShortVector.fromArray(HALF, lines, at + LINE + i * LINE + c);
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
