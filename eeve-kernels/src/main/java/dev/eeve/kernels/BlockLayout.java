package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Where scales and codes of the block types stand in {@link Weights}, and what they mean.
 *
 * <p>A block of 32 columns of a group of 64 rows is a line of 64 fp16 scales and then lines of
 * codes: as many bytes as the file has. A line of Q8_0 holds the 64 bytes of one column and then
 * those of the next; a line of Q4_0 a short of each row, its four nibbles those of four columns, 8
 * more than the codes, the lowest the first column's.
 *
 * <p>A group of Q4_0 is its blocks one after the other. A group of Q8_0 has the scales of all
 * blocks first: products widen them once, then go through the codes in one loop.
 */
final class BlockLayout {
  /** Columns of a block. */
  static final int COLUMNS = 32;

  private static final int LINE = Weights.LINE_BYTES;
  private static final int GROUP = Weights.GROUP_ROWS;
  private static final ValueLayout.OfShort SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockLayout() {}

  /** Bytes of a block of a group. */
  static int bytes(ElementType type) {
    return (1 + COLUMNS / columnsPerLine(type)) * LINE;
  }

  private static int columnsPerLine(ElementType type) {
    return type == ElementType.Q8_0 ? 2 : 4;
  }

  /** Byte offset in a group of a block's scales. */
  static long scales(ElementType type, int block) {
    return block * scalesApart(type);
  }

  /** Bytes from a block's scales to those of the next block of the group. */
  static long scalesApart(ElementType type) {
    return type == ElementType.Q8_0 ? LINE : bytes(type);
  }

  /** Bytes of a block's codes. */
  static int codeBytes(ElementType type) {
    return bytes(type) - LINE;
  }

  /** Byte offset in a group of a block's codes. */
  static long codes(ElementType type, int block, int columns) {
    return type == ElementType.Q8_0
        ? columns / COLUMNS * (long) LINE + block * (long) codeBytes(type)
        : block * (long) bytes(type) + LINE;
  }

  /** Where among a block's codes that of a column of a row is, or its nibble's short. */
  static int place(ElementType type, int column, int row) {
    return type == ElementType.Q8_0 ? column * GROUP + row : column / 4 * LINE + row * Short.BYTES;
  }

  /** The scale of a row of the group, of the block whose scales start at {@code scales}. */
  static float scale(MemorySegment memory, long scales, int row) {
    return Float.float16ToFloat(memory.get(SHORT, scales + row * (long) Short.BYTES));
  }

  /**
   * A code.
   *
   * @param codes where the block's codes start
   * @param column of the block
   * @param row of the group
   * @return −128 … 127, or −8 … 7
   */
  static int code(ElementType type, MemorySegment memory, long codes, int column, int row) {
    long at = codes + place(type, column, row);
    if (type == ElementType.Q8_0) {
      return memory.get(ValueLayout.JAVA_BYTE, at);
    }
    return (memory.get(SHORT, at) >> column % 4 * 4 & 15) - 8;
  }
}
