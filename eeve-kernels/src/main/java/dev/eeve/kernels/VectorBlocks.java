package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** {@link VectorWidening} of the block types: whole blocks, copied to an array first. */
final class VectorBlocks {
  /** Blocks of a strip: both panels' stay in the first cache. */
  private static final int STRIP = 2;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int BLOCK = BlockLayout.COLUMNS;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private VectorBlocks() {}

  /** See {@link VectorWidening#widen}; {@code from} and {@code to} are multiples of 32. */
  static void widen(
      Weights weight,
      int panel,
      int panels,
      int from,
      int to,
      MemorySegment target,
      Scratch scratch) {
    float[] room = scratch.floats(Scratch.Use.WIDENED, 2 * STRIP * BLOCK * ROWS);
    long size = (long) (to - from) * ROWS * Float.BYTES;
    for (int p = 0; p < panels; ) {
      int count = p + 1 < panels && weight.sharesLine(panel + p) ? 2 : 1;
      for (int k = from; k < to; k += STRIP * BLOCK) {
        int width = Math.min(STRIP * BLOCK, to - k);
        strips(room, weight, panel + p, count, k, width, scratch);
        for (int i = 0; i < count; i++) {
          VectorWidening.copyOut(
              room, i * width * ROWS, width, target, (p + i) * size, k - from, to - from);
        }
      }
      p += count;
    }
  }

  /** See {@link VectorWidening#strip}; whole blocks. */
  static void strip(
      float[] room, int at, Weights weight, int panel, int first, int width, Scratch scratch) {
    for (int k = 0; k < width; k += BLOCK) {
      block(room, at + k * VectorTile.COLUMNS, weight, panel, 1, first + k, width, scratch);
    }
  }

  /** Strips of a panel, or of both of a group, one after the other. */
  private static void strips(
      float[] room, Weights weight, int panel, int count, int first, int width, Scratch scratch) {
    for (int k = 0; k < width; k += BLOCK) {
      block(room, k * VectorTile.COLUMNS, weight, panel, count, first + k, width, scratch);
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
    long from = weight.block(panel, column);
    if (weight.type() == ElementType.Q8_0) {
      byte[] lines = scratch.bytes(bytes);
      MemorySegment.copy(weight.memory, JAVA_BYTE, from, lines, 0, bytes);
      for (int i = 0; i < count; i++) {
        VectorBytes.widen(lines, row + i * ROWS, room, at + i * width * ROWS, width);
      }
    } else {
      short[] lines = scratch.shorts(Scratch.Use.LINES, bytes / Short.BYTES);
      MemorySegment.copy(weight.memory, SHORT, from, lines, 0, bytes / Short.BYTES);
      for (int i = 0; i < count; i++) {
        VectorNibbles.widen(lines, row + i * ROWS, room, at + i * width * ROWS, width);
      }
    }
  }
}
