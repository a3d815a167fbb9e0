package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Brings row-major rows into the panels of {@link Weights}: a strip of columns of each row is
 * converted in an array and dealt to the lines of another, which then go to memory stream by
 * stream.
 */
final class WeightRows {
  /** Columns of a strip: enough for the JIT's vector loops, and its lines fit a cache. */
  private static final int STRIP = 512;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int HALF = ROWS / 2;
  private static final int STREAMS = Weights.STREAMS;
  private static final ValueLayout.OfInt INT =
      JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Weights weights;
  private final MemorySegment source;
  private final ElementType sourceType;
  private final short[] halves = new short[STRIP];
  private final int[] row = new int[STRIP];
  private final int[] upper = new int[STRIP];

  /** A strip's lines, those of a stream together, as ints. */
  private final int[] lines;

  private final int intsPerLine;

  WeightRows(Weights weights, MemorySegment source, ElementType sourceType) {
    this.weights = weights;
    this.source = source;
    this.sourceType = sourceType;
    this.intsPerLine = ROWS * weights.type().bytes() / Integer.BYTES;
    this.lines = new int[STRIP * intsPerLine];
  }

  /** See {@link Weights#put}. */
  long put(int firstRow, int count) {
    int columns = weights.columns();
    for (int r = 0; r < count; ) {
      int panel = (firstRow + r) / ROWS;
      int inPanel = (firstRow + r) % ROWS;
      int rows = Math.min(count - r, ROWS - inPanel);
      for (int k = 0; k < columns; k += STRIP) {
        int width = Math.min(STRIP, columns - k);
        if (rows < ROWS) {
          copyLines(panel, k, width, false);
        }
        long at = (long) r * columns + k;
        long bad =
            weights.type() == ElementType.F32
                ? dealRows(at, inPanel, rows, width)
                : dealPairs(at, inPanel, rows, width);
        if (bad >= 0) {
          return bad;
        }
        copyLines(panel, k, width, true);
      }
      r += rows;
    }
    return -1;
  }

  private long dealRows(long at, int inPanel, int rows, int width) {
    for (int j = 0; j < rows; j++) {
      long from = at + (long) j * weights.columns();
      if (!convert(from, width, row)) {
        return firstNotFinite(from, width);
      }
      deal(inPanel + j, width, 0);
    }
    return -1;
  }

  /** Rows j and 16 + j share the ints of a line; a half that is not given keeps its value. */
  private long dealPairs(long at, int inPanel, int rows, int width) {
    for (int j = 0; j < HALF; j++) {
      int kept = 0;
      long low = at + (long) (j - inPanel) * weights.columns();
      if (j < inPanel || j >= inPanel + rows) {
        Arrays.fill(row, 0, width, 0);
        kept = 0xFFFF;
      } else if (!convert(low, width, row)) {
        return firstNotFinite(low, width);
      }
      long high = low + (long) HALF * weights.columns();
      if (HALF + j < inPanel || HALF + j >= inPanel + rows) {
        kept |= 0xFFFF0000;
      } else if (convert(high, width, upper)) {
        for (int i = 0; i < width; i++) {
          row[i] |= upper[i] << 16;
        }
      } else {
        return firstNotFinite(high, width);
      }
      if (kept != -1) {
        deal(j, width, kept);
      }
    }
    return -1;
  }

  /** Copies a strip's lines to memory or from it. */
  private void copyLines(int panel, int firstColumn, int width, boolean toMemory) {
    for (int s = 0; s < Math.min(STREAMS, width); s++) {
      long offset = weights.line(panel, firstColumn + s);
      int from = s * (STRIP / STREAMS) * intsPerLine;
      int count = (width - s + STREAMS - 1) / STREAMS * intsPerLine;
      if (toMemory) {
        MemorySegment.copy(lines, from, weights.memory, INT, offset, count);
      } else {
        MemorySegment.copy(weights.memory, INT, offset, lines, from, count);
      }
    }
  }

  /** Puts {@link #row} into an int of every line, beside the bits kept of that. */
  private void deal(int slot, int width, int kept) {
    for (int s = 0; s < Math.min(STREAMS, width); s++) {
      int to = s * (STRIP / STREAMS) * intsPerLine + slot;
      int count = (width - s + STREAMS - 1) / STREAMS;
      if (kept == 0) {
        deal(row, s, lines, to, intsPerLine, count);
      } else {
        for (int i = 0; i < count; i++) {
          lines[to + i * intsPerLine] &= kept;
          lines[to + i * intsPerLine] |= row[s + i * STREAMS];
        }
      }
    }
  }

  private static void deal(int[] row, int from, int[] lines, int to, int stride, int count) {
    for (int i = 0; i < count; i++) {
      lines[to + i * stride] = row[from + i * STREAMS];
    }
  }

  private long firstNotFinite(long at, int width) {
    for (int i = 0; i < width; i++) {
      if (!convert(at + i, 1, row)) {
        return at + i;
      }
    }
    throw new IllegalStateException("a strip is finite element by element");
  }

  /** Converts elements into {@code row}; false if one is, or becomes, NaN or infinite. */
  private boolean convert(long at, int width, int[] row) {
    ElementType type = weights.type();
    if (sourceType == ElementType.F32) {
      MemorySegment.copy(source, INT, at * 4, row, 0, width);
    } else {
      MemorySegment.copy(source, SHORT, at * 2, halves, 0, width);
      for (int i = 0; i < width; i++) {
        row[i] = halves[i] & 0xFFFF;
      }
    }
    if (!finite(sourceType, row, width)) {
      return false;
    }
    if (sourceType == type) {
      return true;
    }
    widen(sourceType, row, width);
    narrow(type, row, width);
    return finite(type, row, width);
  }

  /** Elements of a type to fp32, in place. */
  private static void widen(ElementType from, int[] row, int width) {
    switch (from) {
      case F32 -> {}
      case F16 -> {
        for (int i = 0; i < width; i++) {
          row[i] = Float.floatToRawIntBits(Float.float16ToFloat((short) row[i]));
        }
      }
      case BF16 -> {
        for (int i = 0; i < width; i++) {
          row[i] <<= 16;
        }
      }
    }
  }

  /** Finite fp32 to elements of a type, in place; nearest, ties to even. */
  private static void narrow(ElementType to, int[] row, int width) {
    switch (to) {
      case F32 -> {}
      case F16 -> {
        for (int i = 0; i < width; i++) {
          row[i] = Float.floatToFloat16(Float.intBitsToFloat(row[i])) & 0xFFFF;
        }
      }
      case BF16 -> {
        for (int i = 0; i < width; i++) {
          row[i] = (row[i] + 0x7FFF + (row[i] >>> 16 & 1)) >>> 16;
        }
      }
    }
  }

  /** Adding its lowest bit to an exponent of all ones, and to no other, carries past it. */
  private static boolean finite(ElementType type, int[] row, int width) {
    int exponent =
        switch (type) {
          case F32 -> 0x7F800000;
          case F16 -> 0x7C00;
          case BF16 -> 0x7F80;
        };
    int lowest = exponent & -exponent;
    int carried = 0;
    for (int i = 0; i < width; i++) {
      carried |= (row[i] & exponent) + lowest;
    }
    return (carried & (exponent + lowest)) == 0;
  }
}
