package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Widens lines of panels into the column blocks a {@link VectorTile} reads: {@code (32 / COLUMNS,
 * features, COLUMNS)}.
 *
 * <p>Vectors go to an array and from there off-heap, a strip at a time: in a loop that stores to
 * segments C2 checks each access anew, which in a large program took over twice as long.
 */
final class VectorWidening {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int HALF = ROWS / 2;
  private static final int STEP = Weights.LINE_BYTES;
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ORDER);

  /** Features of a strip: both panels' stay in the first cache. */
  private static final int STRIP = 64;

  private VectorWidening() {}

  /**
   * Widens lines {@code from … to} of some panels, the blocks one after the other; of the block
   * types, multiples of 32.
   *
   * @param target overwritten from its start
   */
  static void widen(
      Weights weight,
      int panel,
      int panels,
      int from,
      int to,
      MemorySegment target,
      Scratch scratch) {
    float[] room = scratch.floats(Scratch.Use.WIDENED, 2 * STRIP * ROWS);
    long block = (long) (to - from) * STEP;
    for (int p = 0; p < panels; ) {
      int count = p + 1 < panels && weight.sharesLine(panel + p) ? 2 : 1;
      for (int k = from; k < to; k += STRIP) {
        int width = Math.min(STRIP, to - k);
        strips(room, 0, weight, panel + p, count, k, width, scratch);
        for (int i = 0; i < count; i++) {
          copyOut(room, i * width * ROWS, width, target, (p + i) * block, k - from, to - from);
        }
      }
      p += count;
    }
  }

  /**
   * Widens some lines of a panel into an array.
   *
   * @param room {@code (32 / COLUMNS, width, COLUMNS)} from {@code at}, overwritten
   * @param width lines from the first on
   */
  static void strip(
      float[] room, int at, Weights weight, int panel, int first, int width, Scratch scratch) {
    strips(room, at, weight, panel, 1, first, width, scratch);
  }

  /** Strips of a panel, or of both that share its lines, one after the other. */
  private static void strips(
      float[] room,
      int at,
      Weights weight,
      int panel,
      int count,
      int first,
      int width,
      Scratch scratch) {
    if (weight.type().isBlocks()) {
      VectorBlocks.strips(room, at, weight, panel, count, first, width, scratch);
      return;
    }
    for (int i = 0; i < count; i++) {
      int to = at + i * width * ROWS;
      long line = weight.line(panel + i, first);
      switch (weight.type()) {
        case F32 -> widenF32(room, to, width, weight.memory, line);
        case BF16 -> widenBf16(room, to, width, weight.memory, line);
        case F16 -> widenF16(room, to, width, weight.memory, line);
        case Q8_0, Q4_0 -> throw new IllegalStateException("handled above");
      }
    }
  }

  /** A strip's columns to where they stand among all features. */
  private static void copyOut(
      float[] room, int at, int width, MemorySegment target, long block, int first, int features) {
    for (int c = 0; c < ROWS; c += COLUMNS) {
      long to = block + 4L * (c * (long) features + (long) first * COLUMNS);
      MemorySegment.copy(room, at + c * width, target, FLOAT, to, width * COLUMNS);
    }
  }

  /** Where column {@code c} of a strip's first feature stands. */
  private static int column(int c, int width) {
    return c / COLUMNS * COLUMNS * width + c % COLUMNS;
  }

  private static void widenF32(float[] room, int panelAt, int width, MemorySegment w, long line) {
    for (int c = 0; c < ROWS; c += LANES) {
      int at = panelAt + column(c, width);
      long from = line + c * 4L;
      for (int k = 0; k < width; k++) {
        FloatVector.fromMemorySegment(FLOATS, w, from + (long) k * STEP, ORDER)
            .intoArray(room, at + k * COLUMNS);
      }
    }
  }

  private static void widenBf16(float[] room, int panelAt, int width, MemorySegment w, long line) {
    for (int c = 0; c < HALF; c += LANES) {
      int low = panelAt + column(c, width);
      int high = panelAt + column(HALF + c, width);
      long from = line + c * 4L;
      for (int k = 0; k < width; k++) {
        IntVector v = IntVector.fromMemorySegment(INTS, w, from + (long) k * STEP, ORDER);
        v.lanewise(VectorOperators.LSHL, 16)
            .reinterpretAsFloats()
            .intoArray(room, low + k * COLUMNS);
        v.and(0xFFFF0000).reinterpretAsFloats().intoArray(room, high + k * COLUMNS);
      }
    }
  }

  private static void widenF16(float[] room, int panelAt, int width, MemorySegment w, long line) {
    for (int c = 0; c < HALF; c += LANES) {
      int low = panelAt + column(c, width);
      int high = panelAt + column(HALF + c, width);
      long from = line + c * 4L;
      for (int k = 0; k < width; k++) {
        IntVector v = IntVector.fromMemorySegment(INTS, w, from + (long) k * STEP, ORDER);
        v.lanewise(VectorOperators.LSHL, 16)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .mul(VectorProduct.F16_SCALE)
            .intoArray(room, low + k * COLUMNS);
        v.lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .mul(VectorProduct.F16_SCALE)
            .intoArray(room, high + k * COLUMNS);
      }
    }
  }
}
