package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Turns widened lines of a panel so that its rows become lines: the block of a {@link VectorTile}
 * whose features are the panel's rows. Squares of LANES × LANES are turned by exchanging their
 * off-diagonal halves, then quarters, and so on.
 */
final class VectorTranspose {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final long LINE = VectorTile.LINE;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private static final VectorShuffle<Float> SWAP_1 = FLOATS.shuffleFromOp(l -> l ^ 1);
  private static final VectorShuffle<Float> SWAP_2 = FLOATS.shuffleFromOp(l -> l ^ 2);
  private static final VectorShuffle<Float> SWAP_4 = FLOATS.shuffleFromOp(l -> (l ^ 4) % LANES);
  private static final VectorShuffle<Float> SWAP_8 = FLOATS.shuffleFromOp(l -> (l ^ 8) % LANES);
  private static final VectorMask<Float> UPPER_1 = upper(1);
  private static final VectorMask<Float> UPPER_2 = upper(2);
  private static final VectorMask<Float> UPPER_4 = upper(4);
  private static final VectorMask<Float> UPPER_8 = upper(8);

  private VectorTranspose() {}

  private static VectorMask<Float> upper(int distance) {
    boolean[] upper = new boolean[LANES];
    for (int l = 0; l < LANES; l++) {
      upper[l] = (l & distance) != 0;
    }
    return VectorMask.fromArray(FLOATS, upper, 0);
  }

  /**
   * {@code block[n][k] = lines[k][n]} for the 32 rows n and 32 lines k of a panel.
   *
   * @param block column groups {@code (32 / COLUMNS)}, {@code groupStride} bytes apart, of lines of
   *     COLUMNS floats; 32 lines from byte {@code blockAt}, overwritten
   * @param lines {@code (32 / COLUMNS, 32, COLUMNS)} as {@link VectorProduct#widen} leaves them,
   *     overwritten
   */
  static void panel(MemorySegment block, long blockAt, long groupStride, MemorySegment lines) {
    for (int n = 0; n < ROWS; n += LANES) {
      for (int k = 0; k < ROWS; k += LANES) {
        long from = (n / COLUMNS * ROWS + k) * LINE + n % COLUMNS * 4L;
        long to = blockAt + k / COLUMNS * groupStride + n * LINE + k % COLUMNS * 4L;
        square(lines, from);
        for (int i = 0; i < LANES; i++) {
          FloatVector.fromMemorySegment(FLOATS, lines, from + i * LINE, ORDER)
              .intoMemorySegment(block, to + i * LINE, ORDER);
        }
      }
    }
  }

  private static void square(MemorySegment x, long at) {
    if (LANES > 8) {
      exchange(x, at, 8, SWAP_8, UPPER_8);
    }
    if (LANES > 4) {
      exchange(x, at, 4, SWAP_4, UPPER_4);
    }
    exchange(x, at, 2, SWAP_2, UPPER_2);
    exchange(x, at, 1, SWAP_1, UPPER_1);
  }

  /** Exchanges the off-diagonal squares of {@code distance} rows and lanes. */
  private static void exchange(
      MemorySegment x, long at, int distance, VectorShuffle<Float> swap, VectorMask<Float> upper) {
    for (int i = 0; i < LANES; i += 2 * distance) {
      for (int j = i; j < i + distance; j++) {
        long low = at + j * LINE;
        long high = low + distance * LINE;
        FloatVector a = FloatVector.fromMemorySegment(FLOATS, x, low, ORDER);
        FloatVector b = FloatVector.fromMemorySegment(FLOATS, x, high, ORDER);
        a.blend(b.rearrange(swap), upper).intoMemorySegment(x, low, ORDER);
        a.rearrange(swap).blend(b, upper).intoMemorySegment(x, high, ORDER);
      }
    }
  }
}
