package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Products of the block types for few input rows: one unit is a group of 64 weight rows.
 *
 * <p>Blocks are copied to an array first, a few at a time. A processor has as many reads of memory
 * under way as fit among the instructions it looks ahead over, and copying is nearly nothing else.
 *
 * <p>Q8_0 follows the order of {@link ScalarProduct}. Q4_0 meets inputs of 8 bits ({@link
 * QuantizeRowsJob}): an output starts at its bias and takes, for each block in order, {@code fma(Σ
 * code · code, scale · scale, sum)}; the sum of a block is an exact integer.
 */
final class BlockProduct {
  /** Blocks copied at once: so few that the next copy begins while these are computed. */
  private static final int BYTE_STRIP = 2;

  private static final int NIBBLE_STRIP = 1;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int GROUP = Weights.GROUP_ROWS;
  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockProduct() {}

  /** Units of a product. */
  static int units(Weights weight) {
    return ((weight.startsInsideGroup() ? 1 : 0) + weight.panels() + 1) / 2;
  }

  /**
   * Computes a group's outputs.
   *
   * @param quantized the inputs of Q4_0 weights, in tiles of one row
   * @param slot which of them
   */
  static void run(
      Linear.Product product, int unit, QuantizeRowsJob quantized, int slot, Scratch scratch) {
    Weights weight = product.weight();
    FloatMatrix in = product.in();
    int missing = weight.startsInsideGroup() ? ROWS : 0; // rows of the group before the first
    int first = unit * GROUP - missing;
    int from = Math.max(0, first);
    int count = Math.min(first + GROUP, weight.rows()) - from;
    float[] sums = scratch.floats(Scratch.Use.PRODUCT, in.rows() * GROUP);
    for (int r = 0; r < in.rows(); r++) {
      for (int j = 0; j < GROUP; j++) {
        int n = first + j;
        sums[r * GROUP + j] = n >= from && n < from + count ? product.bias()[n] : 0f;
      }
    }
    int panel = from / ROWS;
    if (weight.type() == ElementType.Q8_0) {
      addBytes(sums, in, weight, panel, scratch);
    } else if (Simd.VECTOR) {
      addNibbles(sums, in, weight, panel, quantized, slot, scratch);
    } else {
      addScalarNibbles(sums, in, weight, panel, quantized, slot, scratch);
    }
    for (int r = 0; r < in.rows(); r++) {
      int to = product.out().index(r) + from;
      System.arraycopy(sums, r * GROUP + from - first, product.out().data(), to, count);
    }
  }

  private static void addBytes(
      float[] sums, FloatMatrix in, Weights weight, int panel, Scratch scratch) {
    int bytes = BlockLayout.bytes(ElementType.Q8_0);
    byte[] lines = scratch.bytes(BYTE_STRIP * bytes);
    for (int k = 0; k < in.columns(); k += BYTE_STRIP * BLOCK) {
      int blocks = Math.min(BYTE_STRIP, (in.columns() - k) / BLOCK);
      long at = weight.block(panel, k);
      MemorySegment.copy(weight.memory, JAVA_BYTE, at, lines, 0, blocks * bytes);
      for (int r = 0; r < in.rows(); r++) {
        for (int j = 0; j < GROUP; j += VectorBytes.ROWS) {
          VectorBytes.addBlocks(sums, r * GROUP + j, in.data(), in.index(r) + k, lines, j, blocks);
        }
      }
    }
  }

  private static void addNibbles(
      float[] sums,
      FloatMatrix in,
      Weights weight,
      int panel,
      QuantizeRowsJob quantized,
      int slot,
      Scratch scratch) {
    int shorts = BlockLayout.bytes(ElementType.Q4_0) / Short.BYTES;
    short[] lines = scratch.shorts(Scratch.Use.LINES, NIBBLE_STRIP * shorts);
    short[] room = scratch.shorts(Scratch.Use.SUMS, NIBBLE_STRIP * VectorNibbles.ROWS);
    int all = in.columns() / BLOCK;
    for (int b = 0; b < all; b += NIBBLE_STRIP) {
      int blocks = Math.min(NIBBLE_STRIP, all - b);
      long at = weight.block(panel, b * BLOCK);
      MemorySegment.copy(weight.memory, SHORT, at, lines, 0, blocks * shorts);
      for (int r = 0; r < in.rows(); r++) {
        int place = quantized.scale(slot, r, b, all);
        for (int j = 0; j < GROUP; j += VectorNibbles.ROWS) {
          VectorNibbles.sumBlocks(room, quantized.codes, place * BLOCK, lines, j, blocks);
          VectorNibbles.addSums(
              sums, r * GROUP + j, room, quantized.scales, place, lines, j, blocks);
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
      long block = weight.block(panel, b * BLOCK);
      for (int j = 0; j < GROUP; j++) {
        for (int k = 0; k < BLOCK; k++) {
          codes[k] = (short) BlockLayout.code(ElementType.Q4_0, weight.memory, block, k, j);
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
