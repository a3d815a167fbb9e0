package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Turns widened lines of a panel so that its rows become lines: the block of a {@link VectorTile}
 * whose features are the panel's rows. The turn itself is a plain loop over arrays: exchanging
 * halves of vectors took three times as long.
 */
final class VectorTranspose {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final long LINE = VectorTile.LINE;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorTranspose() {}

  /**
   * {@code block[n][k] = lines[k][n]} for the 32 rows n and up to 32 lines k of a panel; 0 for
   * lines that are not there.
   *
   * @param block column groups {@code (32 / COLUMNS)}, {@code groupStride} bytes apart, of lines of
   *     COLUMNS floats; 32 lines from byte {@code blockAt}, overwritten
   * @param lines {@code (32 / COLUMNS, count, COLUMNS)} as {@link VectorProduct#widen} leaves them
   * @param count lines
   * @param room two squares of 32 × 32, overwritten
   */
  static void panel(
      MemorySegment block,
      long blockAt,
      long groupStride,
      MemorySegment lines,
      int count,
      float[] room) {
    for (int k = 0; k < count; k++) {
      for (int c = 0; c < ROWS; c += LANES) {
        long from = (c / COLUMNS * count + k) * LINE + c % COLUMNS * 4L;
        FloatVector.fromMemorySegment(FLOATS, lines, from, ORDER).intoArray(room, k * ROWS + c);
      }
    }
    Arrays.fill(room, count * ROWS, ROWS * ROWS, 0f);
    turn(room);
    for (int n = 0; n < ROWS; n++) {
      for (int c = 0; c < ROWS; c += LANES) {
        long to = blockAt + c / COLUMNS * groupStride + n * LINE + c % COLUMNS * 4L;
        FloatVector.fromArray(FLOATS, room, (ROWS + n) * ROWS + c)
            .intoMemorySegment(block, to, ORDER);
      }
    }
  }

  /** The second square becomes the first one, turned. */
  private static void turn(float[] room) {
    for (int n = 0; n < ROWS; n++) {
      int to = (ROWS + n) * ROWS;
      for (int k = 0; k < ROWS; k++) {
        room[to + k] = room[k * ROWS + n];
      }
    }
  }
}
