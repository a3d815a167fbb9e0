package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Copies between the lines of an F32 panel, arrays and blocks. */
final class VectorLines {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int LINE = ROWS * Float.BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ORDER);

  private VectorLines() {}

  /** Lines {@code first … first + count} of a panel. */
  static void load(float[] target, int targetAt, Weights weights, int panel, int first, int count) {
    MemorySegment memory = weights.memory;
    long at = weights.line(panel, first);
    for (int k = 0; k < count; k++) {
      long line = at + (long) k * LINE;
      for (int c = 0; c < ROWS; c += LANES) {
        FloatVector.fromMemorySegment(FLOATS, memory, line + c * 4L, ORDER)
            .intoArray(target, targetAt + k * ROWS + c);
      }
    }
  }

  /** The way back. */
  static void store(
      float[] source, int sourceAt, Weights weights, int panel, int first, int count) {
    MemorySegment memory = weights.memory;
    long at = weights.line(panel, first);
    for (int k = 0; k < count; k++) {
      long line = at + (long) k * LINE;
      for (int c = 0; c < ROWS; c += LANES) {
        FloatVector.fromArray(FLOATS, source, sourceAt + k * ROWS + c)
            .intoMemorySegment(memory, line + c * 4L, ORDER);
      }
    }
  }

  /**
   * 32 columns of some rows as the block of a {@link VectorTile}: {@code (32 / COLUMNS, rows,
   * COLUMNS)}, zero past the last column.
   */
  static void columns(
      MemorySegment block, long blockAt, FloatMatrix from, int row, int rows, int column) {
    int columns = Math.min(ROWS, from.columns() - column);
    float[] data = from.data();
    for (int r = 0; r < rows; r++) {
      int at = from.index(row + r) + column;
      for (int c = 0; c < ROWS; c += LANES) {
        int group = c / VectorTile.COLUMNS * VectorTile.COLUMNS;
        long to = blockAt + 4L * (group * rows + r * VectorTile.COLUMNS + c - group);
        if (c + LANES <= columns) {
          FloatVector.fromArray(FLOATS, data, at + c).intoMemorySegment(block, to, ORDER);
        } else {
          for (int j = 0; j < LANES; j++) {
            block.set(FLOAT, to + j * 4L, c + j < columns ? data[at + c + j] : 0f);
          }
        }
      }
    }
  }
}
