package dev.eeve.kernels;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Q8_0 weights: code times scale, which fp32 holds exactly, and products of them. All from arrays,
 * where C2 checks a loop's accesses once.
 */
final class VectorBytes {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();

  /** Bytes of as many rows as there are lanes, but never less than the shortest vector has. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * 8)));

  private static final int READ = BYTES.length();

  /** The bytes of the scales of as many rows as there are lanes. */
  private static final VectorSpecies<Byte> PAIRS =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(LANES * 16));

  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final int LINE = Weights.LINE_BYTES;
  private static final int GROUP = Weights.GROUP_ROWS;

  /** Bytes of a block of a group. */
  private static final int SIZE = BlockLayout.bytes(ElementType.Q8_0);

  /** Rows that one call of {@link #addBlocks} has sums for. */
  static final int ROWS = 4 * LANES;

  /** Whether vectors are long enough for {@link #addBlocks}. */
  static final boolean FEW = LANES > 4;

  private VectorBytes() {}

  /**
   * Adds blocks of one input row to {@link #ROWS} outputs. Not for vectors of 128 bits.
   *
   * @param y running sums, added to
   * @param x the row, 32 features a block from {@code xAt}
   * @param lines blocks of a group as {@link BlockLayout} has them, from its start
   * @param row the first of these rows in the group
   */
  static void addBlocks(float[] y, int yAt, float[] x, int xAt, byte[] lines, int row, int blocks) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + 2 * LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + 3 * LANES);
    for (int b = 0; b < blocks; b++) {
      int scales = b * SIZE + row * Short.BYTES;
      FloatVector s0 =
          ((IntVector)
                  ByteVector.fromArray(PAIRS, lines, scales)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      FloatVector s1 =
          ((IntVector)
                  ByteVector.fromArray(PAIRS, lines, scales + 2 * LANES)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      FloatVector s2 =
          ((IntVector)
                  ByteVector.fromArray(PAIRS, lines, scales + 4 * LANES)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      FloatVector s3 =
          ((IntVector)
                  ByteVector.fromArray(PAIRS, lines, scales + 6 * LANES)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      for (int i = 0; i < BLOCK / 2; i++) {
        int line = b * SIZE + LINE + i * LINE + row;
        int k = xAt + b * BLOCK + i * 2;
        FloatVector v = FloatVector.broadcast(FLOATS, x[k]);
        FloatVector w = FloatVector.broadcast(FLOATS, x[k + 1]);
        y0 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s0)
                .fma(v, y0);
        y1 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + LANES)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s1)
                .fma(v, y1);
        y2 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + 2 * LANES)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s2)
                .fma(v, y2);
        y3 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + 3 * LANES)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s3)
                .fma(v, y3);
        y0 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + GROUP)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s0)
                .fma(w, y0);
        y1 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + GROUP + LANES)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s1)
                .fma(w, y1);
        y2 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + GROUP + 2 * LANES)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s2)
                .fma(w, y2);
        y3 =
            ((FloatVector)
                    ByteVector.fromArray(BYTES, lines, line + GROUP + 3 * LANES)
                        .convertShape(VectorOperators.B2F, FLOATS, 0))
                .mul(s3)
                .fma(w, y3);
      }
    }
    y0.intoArray(y, yAt);
    y1.intoArray(y, yAt + LANES);
    y2.intoArray(y, yAt + 2 * LANES);
    y3.intoArray(y, yAt + 3 * LANES);
  }

  /**
   * The values of a panel's block as fp32, where {@link VectorTile} wants them.
   *
   * @param lines a block of a group
   * @param row 0 or 32, the panel's first in the group
   */
  static void widen(byte[] lines, int row, float[] room, int to, int width) {
    int tile = VectorTile.COLUMNS;
    for (int c = 0; c < Weights.PANEL_ROWS; c += LANES) {
      FloatVector scale =
          ((IntVector)
                  ByteVector.fromArray(PAIRS, lines, (row + c) * Short.BYTES)
                      .reinterpretAsShorts()
                      .convertShape(VectorOperators.S2I, INTS, 0))
              .lanewise(VectorOperators.LSHL, 13)
              .and(VectorProduct.F16_BITS)
              .reinterpretAsFloats()
              .mul(VectorProduct.F16_SCALE);
      int place = to + c / tile * tile * width + c % tile;
      int first = LINE + (row + c) / READ * READ;
      int part = (row + c) % READ / LANES;
      for (int k = 0; k < BLOCK; k++) {
        ByteVector codes = ByteVector.fromArray(BYTES, lines, first + k * GROUP);
        ((FloatVector) codes.convertShape(VectorOperators.B2F, FLOATS, part))
            .mul(scale)
            .intoArray(room, place + k * tile);
      }
    }
  }
}
