package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Q8_0 weights: code times scale, which fp32 holds exactly, and products of them. */
final class VectorBytes {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();

  /** Bytes of as many rows as there are lanes, but never less than the shortest vector has. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * 8)));

  private static final int READ = BYTES.length();

  /** The codes of twice as many rows as there are lanes. */
  private static final VectorSpecies<Byte> PAIRS =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(LANES * 16));

  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final int LINE = Weights.LINE_BYTES;
  private static final int GROUP = Weights.GROUP_ROWS;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Rows that one call of {@link #addBlocks} has sums for. */
  static final int ROWS = 4 * LANES;

  private VectorBytes() {}

  /**
   * Adds blocks of one input row to {@link #ROWS} outputs: one loop over all lines of codes, in
   * order, for the sake of the processor's prefetcher.
   *
   * @param y running sums, added to
   * @param x the row, 32 features a block from {@code xAt}
   * @param scales of these rows, {@code ROWS} a block
   * @param at the first block's codes, from the first of the rows
   */
  static void addBlocks(
      float[] y,
      int yAt,
      float[] x,
      int xAt,
      float[] scales,
      MemorySegment memory,
      long at,
      int blocks) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, yAt + 0 * LANES);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, yAt + 1 * LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, yAt + 2 * LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, yAt + 3 * LANES);
    for (int i = 0; i < blocks * (BLOCK / 2); i++) {
      long line = at + i * (long) LINE;
      int k = xAt + i * 2;
      int block = i / (BLOCK / 2) * ROWS;
      FloatVector s0 = FloatVector.fromArray(FLOATS, scales, block + 0 * LANES);
      FloatVector s1 = FloatVector.fromArray(FLOATS, scales, block + 1 * LANES);
      FloatVector s2 = FloatVector.fromArray(FLOATS, scales, block + 2 * LANES);
      FloatVector s3 = FloatVector.fromArray(FLOATS, scales, block + 3 * LANES);
      FloatVector v = FloatVector.broadcast(FLOATS, x[k]);
      ByteVector w = ByteVector.fromMemorySegment(PAIRS, memory, line, ORDER);
      y0 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 0)).mul(s0).fma(v, y0);
      y1 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 1)).mul(s1).fma(v, y1);
      w = ByteVector.fromMemorySegment(PAIRS, memory, line + 2 * LANES, ORDER);
      y2 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 0)).mul(s2).fma(v, y2);
      y3 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 1)).mul(s3).fma(v, y3);
      v = FloatVector.broadcast(FLOATS, x[k + 1]);
      w = ByteVector.fromMemorySegment(PAIRS, memory, line + GROUP, ORDER);
      y0 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 0)).mul(s0).fma(v, y0);
      y1 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 1)).mul(s1).fma(v, y1);
      w = ByteVector.fromMemorySegment(PAIRS, memory, line + GROUP + 2 * LANES, ORDER);
      y2 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 0)).mul(s2).fma(v, y2);
      y3 = ((FloatVector) w.convertShape(VectorOperators.B2F, FLOATS, 1)).mul(s3).fma(v, y3);
    }
    y0.intoArray(y, yAt + 0 * LANES);
    y1.intoArray(y, yAt + 1 * LANES);
    y2.intoArray(y, yAt + 2 * LANES);
    y3.intoArray(y, yAt + 3 * LANES);
  }

  /**
   * The values of a panel's block as fp32, where {@link VectorTile} wants them.
   *
   * @param lines a block of a group, its codes
   * @param row 0 or 32, the panel's first in the group
   * @param scales the panel's in this block
   */
  static void widen(
      byte[] lines, int row, float[] scales, int scalesAt, float[] room, int to, int width) {
    int tile = VectorTile.COLUMNS;
    for (int c = 0; c < Weights.PANEL_ROWS; c += LANES) {
      FloatVector scale = FloatVector.fromArray(FLOATS, scales, scalesAt + c);
      int place = to + c / tile * tile * width + c % tile;
      int first = (row + c) / READ * READ;
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
