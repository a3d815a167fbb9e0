package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** {@link VectorWidening} of the block types: whole blocks, copied to an array first. */
final class VectorBlocks {
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private VectorBlocks() {}

  /**
   * Widens whole blocks of a panel, or of both of a group, one panel's strip after the other's.
   *
   * @param room {@code (count, 32 / COLUMNS, width, COLUMNS)} from {@code at}, overwritten
   */
  static void strips(
      float[] room,
      int at,
      Weights weight,
      int panel,
      int count,
      int first,
      int width,
      Scratch scratch) {
    for (int k = 0; k < width; k += BLOCK) {
      int to = at + k * VectorTile.COLUMNS;
      block(room, to, weight, panel, count, first + k, width, scratch);
    }
  }

  private static void block(
      float[] room,
      int at,
      Weights weight,
      int panel,
      int count,
      int column,
      int width,
      Scratch scratch) {
    int row = weight.inGroup(panel * ROWS);
    int bytes = BlockLayout.bytes(weight.type());
    long scales = weight.scales(panel, column);
    if (weight.type() == ElementType.Q8_0) {
      byte[] lines = scratch.bytes(bytes);
      int line = Weights.LINE_BYTES;
      MemorySegment.copy(weight.memory, JAVA_BYTE, scales, lines, 0, line);
      long codes = weight.codes(panel, column);
      MemorySegment.copy(weight.memory, JAVA_BYTE, codes, lines, line, bytes - line);
      for (int i = 0; i < count; i++) {
        VectorBytes.widen(lines, row + i * ROWS, room, at + i * width * ROWS, width);
      }
    } else {
      short[] lines = scratch.shorts(Scratch.Use.LINES, bytes / Short.BYTES);
      MemorySegment.copy(weight.memory, SHORT, scales, lines, 0, bytes / Short.BYTES);
      for (int i = 0; i < count; i++) {
        VectorNibbles.widen(lines, row + i * ROWS, room, at + i * width * ROWS, width);
      }
    }
  }
}
