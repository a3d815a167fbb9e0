package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The register tile of {@link NibbleTiles}: some input rows times the 128 rows of four panels, one
 * block. Its sums, exact in 16 bits, go through an array to fp32, so that C2 has registers for
 * both.
 *
 * <p>6 × 4 vectors fit 32 registers; 4 × 2 fit 16, a seventh faster than 3 × 2 on a Zen 3.
 */
final class VectorNibbleTile {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();

  /** As many shorts as there are floats. */
  private static final VectorSpecies<Short> HALF =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * 16));

  private static final int WIDE = SHORTS.length();
  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final int PANEL = Weights.PANEL_ROWS;
  private static final int WIDTH = NibbleTiles.PANELS * PANEL;

  /** Input rows of a tile. */
  static final int ROWS = LANES == 16 ? 6 : 4;

  /** From a vector of weight rows to the next: the next panel's, or the same panel's. */
  private static final int NEXT = WIDE < PANEL ? WIDE : BLOCK * PANEL;

  private static final int PLACE = WIDE;

  private VectorNibbleTile() {}

  /**
   * Adds one block to a tile.
   *
   * @param y rows of 128 sums, added to
   * @param x codes of the input rows, 32 each
   * @param dx their scales
   * @param w codes of the weights {@code (4 panels, 32 columns, 32 rows)}
   * @param dw their scales
   * @param room for as many sums
   */
  static void add(
      float[] y,
      int yAt,
      int[] x,
      int xAt,
      float[] dx,
      int dxAt,
      short[] w,
      int wAt,
      float[] dw,
      int dwAt,
      short[] room) {
    if (LANES == 16) {
      add6x4(room, 0, x, xAt, w, wAt);
      flush(y, yAt, room, dx, dxAt, dw, dwAt, ROWS);
      return;
    }
    for (int p = 0; p < NibbleTiles.PANELS; p++) {
      for (int c = 0; c < PANEL; c += 2 * WIDE) {
        add4x2(room, p * PANEL + c, x, xAt, w, wAt + p * BLOCK * PANEL + c);
      }
    }
    flush(y, yAt, room, dx, dxAt, dw, dwAt, ROWS);
  }

  /** Written out: a vector passed to a method that C2 does not inline would cost an allocation. */
  private static void flush(
      float[] y, int yAt, short[] sums, float[] dx, int dxAt, float[] dw, int dwAt, int rows) {
    for (int r = 0; r < rows; r++) {
      int row = r * WIDTH;
      float scale = dx[dxAt + r];
      for (int c = 0; c < WIDTH; c += LANES) {
        ((FloatVector)
                ShortVector.fromArray(HALF, sums, row + c)
                    .convertShape(VectorOperators.S2F, FLOATS, 0))
            .fma(
                FloatVector.fromArray(FLOATS, dw, dwAt + c).mul(scale),
                FloatVector.fromArray(FLOATS, y, yAt + row + c))
            .intoArray(y, yAt + row + c);
      }
    }
  }

  /** 31 registers: 24 sums, 4 columns, an input, a product. */
  private static void add6x4(short[] room, int to, int[] x, int xAt, short[] w, int wAt) {
    ShortVector s00 = ShortVector.zero(SHORTS);
    ShortVector s01 = ShortVector.zero(SHORTS);
    ShortVector s02 = ShortVector.zero(SHORTS);
    ShortVector s03 = ShortVector.zero(SHORTS);
    ShortVector s10 = ShortVector.zero(SHORTS);
    ShortVector s11 = ShortVector.zero(SHORTS);
    ShortVector s12 = ShortVector.zero(SHORTS);
    ShortVector s13 = ShortVector.zero(SHORTS);
    ShortVector s20 = ShortVector.zero(SHORTS);
    ShortVector s21 = ShortVector.zero(SHORTS);
    ShortVector s22 = ShortVector.zero(SHORTS);
    ShortVector s23 = ShortVector.zero(SHORTS);
    ShortVector s30 = ShortVector.zero(SHORTS);
    ShortVector s31 = ShortVector.zero(SHORTS);
    ShortVector s32 = ShortVector.zero(SHORTS);
    ShortVector s33 = ShortVector.zero(SHORTS);
    ShortVector s40 = ShortVector.zero(SHORTS);
    ShortVector s41 = ShortVector.zero(SHORTS);
    ShortVector s42 = ShortVector.zero(SHORTS);
    ShortVector s43 = ShortVector.zero(SHORTS);
    ShortVector s50 = ShortVector.zero(SHORTS);
    ShortVector s51 = ShortVector.zero(SHORTS);
    ShortVector s52 = ShortVector.zero(SHORTS);
    ShortVector s53 = ShortVector.zero(SHORTS);
    for (int k = 0; k < BLOCK; k++) {
      int at = wAt + k * PANEL;
      ShortVector w0 = ShortVector.fromArray(SHORTS, w, at);
      ShortVector w1 = ShortVector.fromArray(SHORTS, w, at + 1 * NEXT);
      ShortVector w2 = ShortVector.fromArray(SHORTS, w, at + 2 * NEXT);
      ShortVector w3 = ShortVector.fromArray(SHORTS, w, at + 3 * NEXT);
      ShortVector v = IntVector.broadcast(INTS, x[xAt + k]).reinterpretAsShorts();
      s00 = s00.add(v.mul(w0));
      s01 = s01.add(v.mul(w1));
      s02 = s02.add(v.mul(w2));
      s03 = s03.add(v.mul(w3));
      v = IntVector.broadcast(INTS, x[xAt + k + 1 * BLOCK]).reinterpretAsShorts();
      s10 = s10.add(v.mul(w0));
      s11 = s11.add(v.mul(w1));
      s12 = s12.add(v.mul(w2));
      s13 = s13.add(v.mul(w3));
      v = IntVector.broadcast(INTS, x[xAt + k + 2 * BLOCK]).reinterpretAsShorts();
      s20 = s20.add(v.mul(w0));
      s21 = s21.add(v.mul(w1));
      s22 = s22.add(v.mul(w2));
      s23 = s23.add(v.mul(w3));
      v = IntVector.broadcast(INTS, x[xAt + k + 3 * BLOCK]).reinterpretAsShorts();
      s30 = s30.add(v.mul(w0));
      s31 = s31.add(v.mul(w1));
      s32 = s32.add(v.mul(w2));
      s33 = s33.add(v.mul(w3));
      v = IntVector.broadcast(INTS, x[xAt + k + 4 * BLOCK]).reinterpretAsShorts();
      s40 = s40.add(v.mul(w0));
      s41 = s41.add(v.mul(w1));
      s42 = s42.add(v.mul(w2));
      s43 = s43.add(v.mul(w3));
      v = IntVector.broadcast(INTS, x[xAt + k + 5 * BLOCK]).reinterpretAsShorts();
      s50 = s50.add(v.mul(w0));
      s51 = s51.add(v.mul(w1));
      s52 = s52.add(v.mul(w2));
      s53 = s53.add(v.mul(w3));
    }
    s00.intoArray(room, to);
    s01.intoArray(room, to + 0 * WIDTH + 1 * PLACE);
    s02.intoArray(room, to + 0 * WIDTH + 2 * PLACE);
    s03.intoArray(room, to + 0 * WIDTH + 3 * PLACE);
    s10.intoArray(room, to + 1 * WIDTH + 0 * PLACE);
    s11.intoArray(room, to + 1 * WIDTH + 1 * PLACE);
    s12.intoArray(room, to + 1 * WIDTH + 2 * PLACE);
    s13.intoArray(room, to + 1 * WIDTH + 3 * PLACE);
    s20.intoArray(room, to + 2 * WIDTH + 0 * PLACE);
    s21.intoArray(room, to + 2 * WIDTH + 1 * PLACE);
    s22.intoArray(room, to + 2 * WIDTH + 2 * PLACE);
    s23.intoArray(room, to + 2 * WIDTH + 3 * PLACE);
    s30.intoArray(room, to + 3 * WIDTH + 0 * PLACE);
    s31.intoArray(room, to + 3 * WIDTH + 1 * PLACE);
    s32.intoArray(room, to + 3 * WIDTH + 2 * PLACE);
    s33.intoArray(room, to + 3 * WIDTH + 3 * PLACE);
    s40.intoArray(room, to + 4 * WIDTH + 0 * PLACE);
    s41.intoArray(room, to + 4 * WIDTH + 1 * PLACE);
    s42.intoArray(room, to + 4 * WIDTH + 2 * PLACE);
    s43.intoArray(room, to + 4 * WIDTH + 3 * PLACE);
    s50.intoArray(room, to + 5 * WIDTH + 0 * PLACE);
    s51.intoArray(room, to + 5 * WIDTH + 1 * PLACE);
    s52.intoArray(room, to + 5 * WIDTH + 2 * PLACE);
    s53.intoArray(room, to + 5 * WIDTH + 3 * PLACE);
  }

  /** 12 registers, or 15 where C2 loads all inputs first. */
  private static void add4x2(short[] room, int to, int[] x, int xAt, short[] w, int wAt) {
    ShortVector s00 = ShortVector.zero(SHORTS);
    ShortVector s01 = ShortVector.zero(SHORTS);
    ShortVector s10 = ShortVector.zero(SHORTS);
    ShortVector s11 = ShortVector.zero(SHORTS);
    ShortVector s20 = ShortVector.zero(SHORTS);
    ShortVector s21 = ShortVector.zero(SHORTS);
    ShortVector s30 = ShortVector.zero(SHORTS);
    ShortVector s31 = ShortVector.zero(SHORTS);
    for (int k = 0; k < BLOCK; k++) {
      int at = wAt + k * PANEL;
      ShortVector w0 = ShortVector.fromArray(SHORTS, w, at);
      ShortVector w1 = ShortVector.fromArray(SHORTS, w, at + 1 * NEXT);
      ShortVector v = IntVector.broadcast(INTS, x[xAt + k]).reinterpretAsShorts();
      s00 = s00.add(v.mul(w0));
      s01 = s01.add(v.mul(w1));
      v = IntVector.broadcast(INTS, x[xAt + k + 1 * BLOCK]).reinterpretAsShorts();
      s10 = s10.add(v.mul(w0));
      s11 = s11.add(v.mul(w1));
      v = IntVector.broadcast(INTS, x[xAt + k + 2 * BLOCK]).reinterpretAsShorts();
      s20 = s20.add(v.mul(w0));
      s21 = s21.add(v.mul(w1));
      v = IntVector.broadcast(INTS, x[xAt + k + 3 * BLOCK]).reinterpretAsShorts();
      s30 = s30.add(v.mul(w0));
      s31 = s31.add(v.mul(w1));
    }
    s00.intoArray(room, to);
    s01.intoArray(room, to + 0 * WIDTH + 1 * PLACE);
    s10.intoArray(room, to + 1 * WIDTH + 0 * PLACE);
    s11.intoArray(room, to + 1 * WIDTH + 1 * PLACE);
    s20.intoArray(room, to + 2 * WIDTH + 0 * PLACE);
    s21.intoArray(room, to + 2 * WIDTH + 1 * PLACE);
    s30.intoArray(room, to + 3 * WIDTH + 0 * PLACE);
    s31.intoArray(room, to + 3 * WIDTH + 1 * PLACE);
  }
}
