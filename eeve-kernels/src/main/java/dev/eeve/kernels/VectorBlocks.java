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
    int rows = count * ROWS;
    float[] scales = scratch.floats(Scratch.Use.SCALES, width / BLOCK * rows);
    int row = weight.inGroup(panel * ROWS);
    long from = weight.scales(panel, first) + row * (long) Short.BYTES;
    long apart = BlockLayout.scalesApart(weight.type());
    VectorScales.widen(scales, 0, rows, weight.memory, from, apart, rows, width / BLOCK);
    int bytes = BlockLayout.codeBytes(weight.type());
    for (int k = 0; k < width; k += BLOCK) {
      int to = at + k * VectorTile.COLUMNS;
      int scale = k / BLOCK * rows;
      long codes = weight.codes(panel, first + k);
      if (weight.type() == ElementType.Q8_0) {
        byte[] lines = scratch.bytes(bytes);
        MemorySegment.copy(weight.memory, JAVA_BYTE, codes, lines, 0, bytes);
        for (int i = 0; i < rows; i += ROWS) {
          VectorBytes.widen(lines, row + i, scales, scale + i, room, to + i * width, width);
        }
      } else {
        short[] lines = scratch.shorts(Scratch.Use.LINES, bytes / Short.BYTES);
        MemorySegment.copy(weight.memory, SHORT, codes, lines, 0, bytes / Short.BYTES);
        for (int i = 0; i < rows; i += ROWS) {
          VectorNibbles.widen(lines, row + i, scales, scale + i, room, to + i * width, width);
        }
      }
    }
  }
}
