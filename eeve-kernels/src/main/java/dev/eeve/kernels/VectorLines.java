package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Copies between the lines of an F32 panel, arrays and blocks. */
final class VectorLines {
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Rows that {@link #columns} gathers before they go off-heap. */
  private static final int STRIP = 64;

  private VectorLines() {}

  /** Lines {@code first … first + count} of a panel. */
  static void load(float[] target, int targetAt, Weights weights, int panel, int first, int count) {
    long line = weights.line(panel, first);
    MemorySegment.copy(weights.memory, FLOAT, line, target, targetAt, count * ROWS);
  }

  /** The way back. */
  static void store(
      float[] source, int sourceAt, Weights weights, int panel, int first, int count) {
    long line = weights.line(panel, first);
    MemorySegment.copy(source, sourceAt, weights.memory, FLOAT, line, count * ROWS);
  }

  /**
   * 32 columns of some rows as the block of a {@link VectorTile}: {@code (32 / COLUMNS, rows,
   * COLUMNS)}, zero past the last column.
   */
  static void columns(
      MemorySegment block,
      long blockAt,
      FloatMatrix from,
      int row,
      int rows,
      int column,
      Scratch scratch) {
    float[] room = scratch.floats(Scratch.Use.WIDENED, STRIP * COLUMNS);
    float[] data = from.data();
    for (int c = 0; c < ROWS; c += COLUMNS) {
      int there = Math.clamp(from.columns() - column - c, 0, COLUMNS);
      for (int r = 0; r < rows; r += STRIP) {
        int count = Math.min(STRIP, rows - r);
        for (int i = 0; i < count; i++) {
          int at = from.index(row + r + i) + column + c;
          for (int j = 0; j < there; j++) {
            room[i * COLUMNS + j] = data[at + j];
          }
          for (int j = there; j < COLUMNS; j++) {
            room[i * COLUMNS + j] = 0f;
          }
        }
        long to = blockAt + 4L * (c * (long) rows + (long) r * COLUMNS);
        MemorySegment.copy(room, 0, block, FLOAT, to, count * COLUMNS);
      }
    }
  }
}
