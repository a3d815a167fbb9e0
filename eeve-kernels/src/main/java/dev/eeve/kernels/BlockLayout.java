package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Where scales and codes of the block types stand in {@link Weights}, and what they mean.
 *
 * <p>A block of 32 columns of a group of 64 rows is a line of 64 fp16 scales and then lines of
 * codes, two columns a line (Q8_0) or four (Q4_0): as many bytes as the file has. Each panel of the
 * group has one half of every line. Scales, and the four nibbles of a row, are shorts in the order
 * of all 16-bit types: int j of a half line holds row j in its low half and row 16 + j in its high
 * half. Bytes of Q8_0 stand in row order, the 32 of the first column before those of the second.
 * Nibbles are signed, the lowest is the first column's.
 */
final class BlockLayout {
  /** Columns of a block. */
  static final int COLUMNS = 32;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final ValueLayout.OfShort SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockLayout() {}

  /** Lines of a block, the scales' included. */
  static int lines(ElementType type) {
    return 1 + COLUMNS / columnsPerLine(type);
  }

  /** Columns whose codes share a line. */
  static int columnsPerLine(ElementType type) {
    return type == ElementType.Q8_0 ? 2 : 4;
  }

  /** Where a row's scale stands in a half line of scales, and its nibbles in one of codes. */
  static int pairSlot(int row) {
    return row % (ROWS / 2) * 4 + row / (ROWS / 2) * 2;
  }

  /** The scale of a row of a panel, whose half of the block's first line is at {@code scales}. */
  static float scale(MemorySegment memory, long scales, int row) {
    return Float.float16ToFloat(memory.get(SHORT, scales + pairSlot(row)));
  }

  /**
   * A code.
   *
   * @param half where the panel's half of the line with column k is
   * @param row of the panel
   * @return −128 … 127, or −8 … 7
   */
  static int code(ElementType type, MemorySegment memory, long half, int k, int row) {
    if (type == ElementType.Q8_0) {
      return memory.get(ValueLayout.JAVA_BYTE, half + k % 2 * ROWS + row);
    }
    int nibbles = memory.get(SHORT, half + pairSlot(row));
    return nibbles << 28 - k % 4 * 4 >> 28;
  }
}
