package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Turns widened lines of a panel so that its rows become lines: the block of a {@link VectorTile}
 * whose features are the panel's rows. A square of L × L floats for vectors of L lanes takes log₂ L
 * rounds, each of which zips vector i with vector i + L / 2.
 */
final class VectorTranspose {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Floats of room: a turned panel and two squares. */
  static final int ROOM = ROWS * ROWS + 2 * LANES * LANES;

  /** Lane i of a from lane i of b, lower half and upper half: 0, L, 1, L + 1 … */
  private static final int[] ZIP = new int[2 * LANES];

  static {
    Arrays.setAll(ZIP, i -> i / 2 + i % 2 * LANES);
  }

  private VectorTranspose() {}

  /**
   * {@code block[n][k] = lines[k][n]} for the 32 rows n and up to 32 lines k of a panel; 0 for
   * lines that are not there.
   *
   * @param block column groups {@code (32 / COLUMNS)}, {@code groupStride} bytes apart, of lines of
   *     COLUMNS floats; 32 lines from byte {@code blockAt}, overwritten
   * @param lines {@code (32 / COLUMNS, count, COLUMNS)} as {@link VectorWidening#strip} leaves them
   * @param count lines
   * @param room {@link #ROOM} floats, overwritten
   */
  static void panel(
      MemorySegment block, long blockAt, long groupStride, float[] lines, int count, float[] room) {
    if (count == ROWS) {
      for (int k = 0; k < ROWS; k += LANES) {
        for (int n = 0; n < ROWS; n += LANES) {
          square(lines, place(k, n), room, place(n, k));
        }
      }
    } else {
      partial(lines, count, room);
    }
    for (int group = 0; group < ROWS / COLUMNS; group++) {
      int at = group * ROWS * COLUMNS;
      MemorySegment.copy(room, at, block, FLOAT, blockAt + group * groupStride, ROWS * COLUMNS);
    }
  }

  /** Where an element stands in column groups of 32 lines. */
  private static int place(int line, int column) {
    return column / COLUMNS * ROWS * COLUMNS + line * COLUMNS + column % COLUMNS;
  }

  private static void square(float[] from, int at, float[] room, int to) {
    int one = ROWS * ROWS;
    int other = one + LANES * LANES;
    zip(from, at, COLUMNS, room, one, LANES);
    if (LANES == 4) {
      zip(room, one, LANES, room, to, COLUMNS);
      return;
    }
    zip(room, one, LANES, room, other, LANES);
    if (LANES == 8) {
      zip(room, other, LANES, room, to, COLUMNS);
      return;
    }
    zip(room, other, LANES, room, one, LANES);
    zip(room, one, LANES, room, to, COLUMNS);
  }

  /** One round over L vectors that stand {@code stride} floats apart. */
  private static void zip(float[] from, int at, int stride, float[] to, int toAt, int toStride) {
    IntVector low = IntVector.fromArray(INTS, ZIP, 0);
    IntVector high = IntVector.fromArray(INTS, ZIP, LANES);
    for (int i = 0; i < LANES / 2; i++) {
      int x = at + i * stride;
      IntVector a = FloatVector.fromArray(FLOATS, from, x).reinterpretAsInts();
      IntVector b = FloatVector.fromArray(FLOATS, from, x + LANES / 2 * stride).reinterpretAsInts();
      int y = toAt + 2 * i * toStride;
      low.selectFrom(a, b).reinterpretAsFloats().intoArray(to, y);
      high.selectFrom(a, b).reinterpretAsFloats().intoArray(to, y + toStride);
    }
  }

  /** Fewer than 32 lines, as the last columns of a matrix may be. */
  private static void partial(float[] lines, int count, float[] room) {
    for (int n = 0; n < ROWS; n++) {
      int from = n / COLUMNS * count * COLUMNS + n % COLUMNS;
      for (int k = 0; k < ROWS; k++) {
        room[place(n, k)] = k < count ? lines[from + k * COLUMNS] : 0f;
      }
    }
  }
}
