package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Brings row-major rows into the panels of {@link Weights}: a strip of columns of each row is
 * converted in an array and dealt to the lines of another, which then go to memory at once.
 */
final class WeightRows {
  /** Columns of a strip: enough for the JIT's vector loops, and its lines fit a cache. */
  private static final int STRIP = 256;

  private static final int HALF = Weights.PANEL_ROWS / 2;

  /** Ints of a line. */
  private static final int INTS = Weights.LINE_BYTES / Integer.BYTES;

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

  /** A strip's lines as ints. */
  private final int[] lines = new int[STRIP * INTS];

  /** Rows that share lines. */
  private final int group;

  WeightRows(Weights weights, MemorySegment source, ElementType sourceType) {
    this.weights = weights;
    this.source = source;
    this.sourceType = sourceType;
    this.group = Weights.groupRows(weights.type());
  }

  /** See {@link Weights#put}. */
  long put(int firstRow, int count) {
    int columns = weights.columns();
    for (int r = 0; r < count; ) {
      int first = weights.inGroup(firstRow + r);
      int rows = Math.min(count - r, group - first);
      for (int k = 0; k < columns; k += STRIP) {
        int width = Math.min(STRIP, columns - k);
        long line = weights.groupLine(firstRow + r, k);
        if (rows < group) {
          MemorySegment.copy(weights.memory, INT, line, lines, 0, width * INTS);
        }
        long at = (long) r * columns + k;
        long bad =
            weights.type() == ElementType.F32
                ? dealRows(at, first, rows, width)
                : dealPairs(at, first, rows, width);
        if (bad >= 0) {
          return bad;
        }
        MemorySegment.copy(lines, 0, weights.memory, INT, line, width * INTS);
      }
      r += rows;
    }
    return -1;
  }

  private long dealRows(long at, int first, int rows, int width) {
    for (int j = 0; j < rows; j++) {
      long from = at + (long) j * weights.columns();
      if (!convert(from, width, row)) {
        return firstNotFinite(from, width);
      }
      deal(first + j, width, 0);
    }
    return -1;
  }

  /** Rows j and 16 + j of a panel share ints; a half that is not given keeps its value. */
  private long dealPairs(long at, int first, int rows, int width) {
    for (int slot = 0; slot < INTS; slot++) {
      int low = slot / HALF * Weights.PANEL_ROWS + slot % HALF - first;
      int high = low + HALF;
      int kept = 0;
      if (low < 0 || low >= rows) {
        Arrays.fill(row, 0, width, 0);
        kept = 0xFFFF;
      } else if (!convert(at + (long) low * weights.columns(), width, row)) {
        return firstNotFinite(at + (long) low * weights.columns(), width);
      }
      if (high < 0 || high >= rows) {
        kept |= 0xFFFF0000;
      } else if (convert(at + (long) high * weights.columns(), width, upper)) {
        for (int i = 0; i < width; i++) {
          row[i] |= upper[i] << 16;
        }
      } else {
        return firstNotFinite(at + (long) high * weights.columns(), width);
      }
      if (kept != -1) {
        deal(slot, width, kept);
      }
    }
    return -1;
  }

  /** Puts {@link #row} into an int of every line, beside the bits kept of that. */
  private void deal(int slot, int width, int kept) {
    if (kept == 0) {
      deal(row, lines, slot, width);
      return;
    }
    for (int i = 0; i < width; i++) {
      lines[slot + i * INTS] &= kept;
      lines[slot + i * INTS] |= row[i];
    }
  }

  private static void deal(int[] row, int[] lines, int to, int count) {
    for (int i = 0; i < count; i++) {
      lines[to + i * INTS] = row[i];
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
      case Q8_0, Q4_0 -> throw new IllegalStateException("blocks are BlockRows\' work");
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
      case Q8_0, Q4_0 -> throw new IllegalStateException("blocks are BlockRows\' work");
    }
  }

  /** Adding its lowest bit to an exponent of all ones, and to no other, carries past it. */
  private static boolean finite(ElementType type, int[] row, int width) {
    int exponent =
        switch (type) {
          case F32 -> 0x7F800000;
          case F16 -> 0x7C00;
          case BF16 -> 0x7F80;
          case Q8_0, Q4_0 -> throw new IllegalStateException("blocks are BlockRows' work");
        };
    int lowest = exponent & -exponent;
    int carried = 0;
    for (int i = 0; i < width; i++) {
      carried |= (row[i] & exponent) + lowest;
    }
    return (carried & (exponent + lowest)) == 0;
  }
}
