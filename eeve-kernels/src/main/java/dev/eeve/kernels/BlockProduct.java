package dev.eeve.kernels;

/**
 * Products of the block types for few input rows: one unit is a group of 64 weight rows, or a few.
 *
 * <p>Q8_0 follows the order of {@link ScalarProduct}. Q4_0 meets inputs of 8 bits ({@link
 * QuantizeRowsJob}): an output starts at its bias and takes, for each block in order, {@code fma(Σ
 * code · code, scale · scale, sum)}; the sum of a block is an exact integer.
 */
final class BlockProduct {
  /** Blocks whose sums, and lines where several rows meet them, stay in the nearer caches. */
  private static final int STRIP = 320;

  /** Blocks from which on a unit is a single group: shorter loops are over before they are fast. */
  private static final int UNIT = 160;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int GROUP = Weights.GROUP_ROWS;
  private static final int BLOCK = BlockLayout.COLUMNS;

  private BlockProduct() {}

  /** Units of a product. */
  static int units(Weights weight) {
    return (groups(weight) + unitGroups(weight) - 1) / unitGroups(weight);
  }

  private static int groups(Weights weight) {
    return ((weight.startsInsideGroup() ? 1 : 0) + weight.panels() + 1) / 2;
  }

  /** Groups that one loop goes through, or blocks of which it takes in turn. */
  private static int unitGroups(Weights weight) {
    if (!Simd.VECTOR || Simd.bits() == 512 && weight.type() == ElementType.Q8_0) {
      return 1;
    }
    return Math.max(Simd.bits() == 512 ? 1 : 2, UNIT / (weight.columns() / BLOCK));
  }

  /**
   * Computes the outputs of some groups.
   *
   * @param quantized the inputs of Q4_0 weights, in tiles of one row
   * @param slot which of them
   */
  static void run(
      Linear.Product product, int unit, QuantizeRowsJob quantized, int slot, Scratch scratch) {
    Weights weight = product.weight();
    FloatMatrix in = product.in();
    int missing = weight.startsInsideGroup() ? ROWS : 0; // rows of the group before the first
    int firstGroup = unit * unitGroups(weight);
    int groups = Math.min(unitGroups(weight), groups(weight) - firstGroup);
    int first = firstGroup * GROUP - missing;
    int width = groups * GROUP;
    float[] sums = scratch.floats(Scratch.Use.PRODUCT, in.rows() * width);
    PanelSums.start(sums, 0, width, in.rows(), product, first);
    int panel = Math.max(0, first) / ROWS;
    boolean streams = Simd.VECTOR && Simd.bits() < 512;
    if (weight.type() == ElementType.Q8_0 && streams) {
      addByteBlocks(sums, in, weight, panel, groups, scratch);
    } else if (weight.type() == ElementType.Q8_0) {
      addBytes(sums, in, weight, panel, scratch);
    } else if (streams) {
      addNibbleBlocks(sums, in.rows(), weight, panel, groups, quantized, slot, scratch);
    } else if (Simd.VECTOR) {
      addNibbles(sums, in, weight, panel, groups, quantized, slot, scratch);
    } else {
      addScalarNibbles(sums, in, weight, panel, quantized, slot, scratch);
    }
    PanelSums.copyOut(sums, 0, width, product, first, 0, in.rows());
  }

  private static void addBytes(
      float[] sums, FloatMatrix in, Weights weight, int panel, Scratch scratch) {
    int all = in.columns() / BLOCK;
    int strip = Math.min(all, STRIP);
    float[] scales = scratch.floats(Scratch.Use.SCALES, strip * VectorBytes.ROWS);
    long apart = BlockLayout.scalesApart(ElementType.Q8_0);
    for (int b = 0; b < all; b += strip) {
      int blocks = Math.min(strip, all - b);
      for (int j = 0; j < GROUP; j += VectorBytes.ROWS) {
        long from = weight.scales(panel, b * BLOCK) + 2L * j;
        VectorScales.widen(
            scales, 0, VectorBytes.ROWS, weight.memory, from, apart, VectorBytes.ROWS, blocks);
        for (int r = 0; r < in.rows(); r++) {
          int x = in.index(r) + b * BLOCK;
          long codes = weight.codes(panel, b * BLOCK) + j;
          VectorBytes.addBlocks(
              sums, r * GROUP + j, in.data(), x, scales, weight.memory, codes, blocks);
        }
      }
    }
  }

  /** As {@link #addNibbleBlocks}. */
  private static void addByteBlocks(
      float[] sums, FloatMatrix in, Weights weight, int panel, int groups, Scratch scratch) {
    int all = in.rows() * groups;
    float[] scales = scratch.floats(Scratch.Use.SCALES, GROUP);
    float[] spread = scratch.floats(Scratch.Use.SUMS, all * GROUP);
    for (int i = 0; i < all; i++) {
      VectorByteLines.spread(sums, i * GROUP, spread, i * GROUP, false);
    }
    for (int b = 0; b < weight.columns() / BLOCK; b++) {
      for (int g = 0; g < groups; g++) {
        int first = panel + 2 * g;
        VectorByteLines.widenScales(scales, weight.memory, weight.scales(first, b * BLOCK));
        long codes = weight.codes(first, b * BLOCK);
        for (int r = 0; r < in.rows(); r++) {
          int y = (r * groups + g) * GROUP;
          int x = in.index(r) + b * BLOCK;
          VectorByteLines.addBlock(spread, y, in.data(), x, scales, weight.memory, codes);
        }
      }
    }
    for (int i = 0; i < all; i++) {
      VectorByteLines.spread(spread, i * GROUP, sums, i * GROUP, true);
    }
  }

  /** Block by block, the groups side by side, so that memory is read in more than one stream. */
  private static void addNibbleBlocks(
      float[] sums,
      int rows,
      Weights weight,
      int panel,
      int groups,
      QuantizeRowsJob quantized,
      int slot,
      Scratch scratch) {
    int all = weight.columns() / BLOCK;
    short[] room = scratch.shorts(Scratch.Use.SUMS, GROUP);
    for (int b = 0; b < all; b++) {
      for (int g = 0; g < groups; g++) {
        long at = weight.scales(panel + 2 * g, b * BLOCK);
        for (int r = 0; r < rows; r++) {
          int place = quantized.scale(slot, r, b, all);
          VectorNibbles.addBlock(
              sums,
              (r * groups + g) * GROUP,
              quantized.codes,
              (place + 1) * QuantizeRowsJob.STEPS - BLOCK,
              weight.memory,
              at,
              quantized.starting[place],
              quantized.scales[place],
              room);
        }
      }
    }
  }

  private static void addNibbles(
      float[] sums,
      FloatMatrix in,
      Weights weight,
      int panel,
      int groups,
      QuantizeRowsJob quantized,
      int slot,
      Scratch scratch) {
    int all = in.columns() / BLOCK;
    int strip = Math.min(all, STRIP); // all of them, where there are several groups
    int rows = VectorNibbles.ROWS;
    short[] room = scratch.shorts(Scratch.Use.SUMS, (groups * strip + 1) * rows);
    float[] scales = scratch.floats(Scratch.Use.SCALES, groups * strip * rows);
    long apart = BlockLayout.scalesApart(ElementType.Q4_0);
    for (int b = 0; b < all; b += strip) {
      int blocks = Math.min(strip, all - b);
      for (int j = 0; j < GROUP; j += rows) {
        long at = weight.scales(panel, b * BLOCK) + 2L * j;
        for (int r = 0; r < in.rows(); r++) {
          int place = quantized.scale(slot, r, b, all);
          int steps = place * QuantizeRowsJob.STEPS;
          VectorNibbles.sumBlocks(room, quantized.codes, steps, weight.memory, at, blocks, groups);
          if (r == 0) { // the loop has just brought these lines near
            VectorScales.widen(scales, 0, rows, weight.memory, at, apart, rows, groups * blocks);
          }
          for (int g = 0; g < groups; g++) {
            VectorNibbles.addSums(
                sums,
                (r * groups + g) * GROUP + j,
                room,
                g * blocks * rows,
                quantized.starting,
                quantized.scales,
                place,
                scales,
                g * blocks * rows,
                blocks);
          }
        }
      }
    }
  }

  /** The specification. */
  private static void addScalarNibbles(
      float[] sums,
      FloatMatrix in,
      Weights weight,
      int panel,
      QuantizeRowsJob quantized,
      int slot,
      Scratch scratch) {
    int all = in.columns() / BLOCK;
    short[] codes = scratch.shorts(Scratch.Use.LINES, BLOCK);
    for (int b = 0; b < all; b++) {
      long block = weight.scales(panel, b * BLOCK);
      long lines = weight.codes(panel, b * BLOCK);
      for (int j = 0; j < GROUP; j++) {
        for (int k = 0; k < BLOCK; k++) {
          codes[k] = (short) BlockLayout.code(ElementType.Q4_0, weight.memory, lines, k, j);
        }
        float scale = BlockLayout.scale(weight.memory, block, j);
        for (int r = 0; r < in.rows(); r++) {
          int place = quantized.scale(slot, r, b, all);
          int sum = 0;
          for (int k = 0; k < BLOCK; k++) {
            sum += codes[k] * (short) quantized.codes[place * BLOCK + k];
          }
          int at = r * GROUP + j;
          sums[at] = Math.fma((float) sum, scale * quantized.scales[place], sums[at]);
        }
      }
    }
  }
}
