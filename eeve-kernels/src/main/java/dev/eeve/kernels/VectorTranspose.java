package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Turns widened lines of a panel so that its rows become lines: the block of a {@link VectorTile}
 * whose features are the panel's rows. The turn itself is a plain loop over arrays: exchanging
 * halves of vectors took three times as long.
 */
final class VectorTranspose {
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private VectorTranspose() {}

  /**
   * {@code block[n][k] = lines[k][n]} for the 32 rows n and up to 32 lines k of a panel; 0 for
   * lines that are not there.
   *
   * @param block column groups {@code (32 / COLUMNS)}, {@code groupStride} bytes apart, of lines of
   *     COLUMNS floats; 32 lines from byte {@code blockAt}, overwritten
   * @param lines {@code (32 / COLUMNS, count, COLUMNS)} as {@link VectorWidening#strip} leaves them
   * @param count lines
   * @param room a square of 32 × 32, overwritten
   */
  static void panel(
      MemorySegment block, long blockAt, long groupStride, float[] lines, int count, float[] room) {
    for (int group = 0; group < ROWS / COLUMNS; group++) {
      int first = group * COLUMNS;
      int there = Math.clamp(count - first, 0, COLUMNS);
      int at = group * ROWS * COLUMNS;
      for (int n = 0; n < ROWS; n++) {
        int from = n / COLUMNS * count * COLUMNS + n % COLUMNS + first * COLUMNS;
        int to = at + n * COLUMNS;
        for (int k = 0; k < there; k++) {
          room[to + k] = lines[from + k * COLUMNS];
        }
        for (int k = there; k < COLUMNS; k++) {
          room[to + k] = 0f;
        }
      }
      MemorySegment.copy(room, at, block, FLOAT, blockAt + group * groupStride, ROWS * COLUMNS);
    }
  }
}
