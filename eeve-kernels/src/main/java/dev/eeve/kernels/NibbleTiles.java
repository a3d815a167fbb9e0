package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Products of Q4_0 weights for many input rows, with the bits of {@link BlockProduct}: one unit is
 * {@link #PANELS} panels. Codes are widened to 16 bits once per stretch of blocks; a few tiles of
 * rows, whose sums stay in the first cache, go through the stretch together.
 */
final class NibbleTiles {
  /** Panels of a unit. */
  static final int PANELS = 4;

  /** Blocks of a stretch: with all panels' codes it stays in the second cache. */
  private static final int STRETCH = 40;

  /** Tiles that go through a stretch together. */
  private static final int TILES = 4;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int WIDTH = PANELS * ROWS;
  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final int SHORTS = BlockLayout.codeBytes(ElementType.Q4_0) / Short.BYTES;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private NibbleTiles() {}

  static int units(Weights weight) {
    return (weight.panels() + PANELS - 1) / PANELS;
  }

  static void run(
      Linear.Product product, int unit, QuantizeRowsJob quantized, int slot, Scratch scratch) {
    FloatMatrix in = product.in();
    int padded = (in.rows() + VectorNibbleTile.ROWS - 1) / VectorNibbleTile.ROWS;
    padded *= VectorNibbleTile.ROWS;
    float[] sums = scratch.floats(Scratch.Use.PRODUCT, padded * WIDTH);
    PanelSums.start(sums, 0, WIDTH, padded, product, unit * WIDTH);
    int all = in.columns() / BLOCK;
    int stretch = Math.min(all, STRETCH);
    short[] codes = scratch.shorts(Scratch.Use.WIDENED, stretch * WIDTH * BLOCK);
    float[] scales = scratch.floats(Scratch.Use.WEIGHTS, stretch * WIDTH);
    for (int b = 0; b < all; b += stretch) {
      int blocks = Math.min(stretch, all - b);
      widen(product.weight(), unit * PANELS, b, blocks, codes, scales, scratch);
      for (int row = 0; row < padded; row += TILES * VectorNibbleTile.ROWS) {
        int end = Math.min(padded, row + TILES * VectorNibbleTile.ROWS);
        addTiles(sums, row, end, quantized, slot, b, blocks, all, codes, scales, scratch);
      }
    }
    PanelSums.copyOut(sums, 0, WIDTH, product, unit * WIDTH, 0, in.rows());
  }

  private static void addTiles(
      float[] sums,
      int from,
      int to,
      QuantizeRowsJob quantized,
      int slot,
      int firstBlock,
      int blocks,
      int all,
      short[] codes,
      float[] scales,
      Scratch scratch) {
    short[] room = scratch.shorts(Scratch.Use.SUMS, VectorNibbleTile.ROWS * WIDTH);
    for (int b = 0; b < blocks; b++) {
      for (int row = from; row < to; row += VectorNibbleTile.ROWS) {
        int place = quantized.scale(slot, row, firstBlock + b, all);
        VectorNibbleTile.add(
            sums,
            row * WIDTH,
            quantized.codes,
            place * BLOCK,
            quantized.scales,
            place,
            codes,
            b * WIDTH * BLOCK,
            scales,
            b * WIDTH,
            room);
      }
    }
  }

  /** Codes {@code (blocks, PANELS, 32 columns, 32 rows)} and scales {@code (blocks, rows)}. */
  private static void widen(
      Weights weight,
      int panel,
      int firstBlock,
      int blocks,
      short[] codes,
      float[] scales,
      Scratch scratch) {
    short[] lines = scratch.shorts(Scratch.Use.LINES, SHORTS);
    int panels = Math.min(PANELS, weight.panels() - panel);
    for (int p = 0; p < panels; ) {
      int count = p + 1 < panels && weight.sharesLine(panel + p) ? 2 : 1;
      int row = weight.inGroup((panel + p) * ROWS);
      long from = weight.scales(panel + p, firstBlock * BLOCK) + row * (long) Short.BYTES;
      long apart = BlockLayout.scalesApart(ElementType.Q4_0);
      VectorScales.widen(scales, p * ROWS, WIDTH, weight.memory, from, apart, count * ROWS, blocks);
      for (int b = 0; b < blocks; b++) {
        long at = weight.codes(panel + p, (firstBlock + b) * BLOCK);
        MemorySegment.copy(weight.memory, SHORT, at, lines, 0, SHORTS);
        for (int i = 0; i < count; i++) {
          int place = (b * PANELS + p + i) * ROWS * BLOCK;
          VectorNibbles.widenCodes(lines, row + i * ROWS, codes, place);
        }
      }
      p += count;
    }
  }
}
