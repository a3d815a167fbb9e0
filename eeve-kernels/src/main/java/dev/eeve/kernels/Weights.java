package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A weight matrix {@code (N, K)} off-heap, in the one layout that decoding, prompts and training
 * read.
 *
 * <p>Rows stand in panels of 32, the values of one column k side by side, so a lane of a vector is
 * a row and a dot product needs no horizontal sum. A line of 128 bytes holds column k of one panel
 * (F32) or of two (16-bit types); the lines of all columns follow each other, so that a group of 32
 * or 64 rows is read as one stream. A panel's share of a 16-bit line is 16 ints, int j holding row
 * j in its low half and row 16 + j in its high half: a shift and a mask widen it to fp32 in row
 * order. Rows past N are zero. For the block types see {@link BlockLayout}.
 */
public final class Weights {
  /** Rows of one panel. */
  public static final int PANEL_ROWS = 32;

  /** Rows of the largest group: threads that store rows at once must not share one. */
  public static final int GROUP_ROWS = 64;

  /** Bytes from one column to the next. */
  static final int LINE_BYTES = 128;

  private static final int HALF = PANEL_ROWS / 2;
  private static final long ALIGNMENT = 64;

  private static final ValueLayout.OfInt INT =
      JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  final MemorySegment memory;
  private final ElementType type;
  private final int rows;
  private final int columns;

  /** Which panel of a line the first row's is. */
  private final int firstPanel;

  private Weights(MemorySegment memory, ElementType type, int rows, int columns, int firstPanel) {
    this.memory = memory;
    this.type = type;
    this.rows = rows;
    this.columns = columns;
    this.firstPanel = firstPanel;
  }

  /**
   * Takes memory for a matrix of zeros.
   *
   * @param memory owner of the memory; what it gives is zero, or overwritten before it is read
   * @param type element type
   * @param rows N, at least 1
   * @param columns K, at least 1; whole blocks of the type
   * @return the matrix
   */
  public static Weights allocate(SegmentAllocator memory, ElementType type, int rows, int columns) {
    return new Weights(
        memory.allocate(byteSize(type, rows, columns), ALIGNMENT), type, rows, columns, 0);
  }

  /**
   * Bytes {@link #allocate} takes: the plain size, rounded up to whole groups.
   *
   * @param type element type
   * @param rows N, at least 1
   * @param columns K, at least 1; whole blocks of the type
   * @return bytes
   */
  public static long byteSize(ElementType type, int rows, int columns) {
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "weights: (" + rows + ", " + columns + "), needed at least (1, 1)");
    }
    int group = groupRows(type);
    return Math.multiplyExact(groupBytes(type, columns), (rows - 1L + group) / group);
  }

  /** Rows whose values of one column share a line. */
  static int groupRows(ElementType type) {
    return type == ElementType.F32 ? PANEL_ROWS : GROUP_ROWS;
  }

  private static long groupBytes(ElementType type, int columns) {
    if (!type.isBlocks()) {
      return (long) columns * LINE_BYTES;
    }
    return type.byteSize(columns) * GROUP_ROWS;
  }

  /**
   * A view of some rows, sharing the memory.
   *
   * @param first first row, a multiple of 32
   * @param count number of rows, at least 1
   * @return the view
   */
  public Weights rows(int first, int count) {
    checkRows(first, count);
    if (first % PANEL_ROWS != 0 || count < 1) {
      throw new IllegalArgumentException(
          "rows: %d from %d, needed at least 1 from a multiple of %d"
              .formatted(count, first, PANEL_ROWS));
    }
    int group = groupRows(type);
    int start = firstPanel * PANEL_ROWS + first;
    long offset = start / group * groupBytes(type, columns);
    long bytes = byteSize(type, start % group + count, columns);
    return new Weights(
        memory.asSlice(offset, bytes), type, count, columns, start % group / PANEL_ROWS);
  }

  /**
   * The element type.
   *
   * @return how elements are stored
   */
  public ElementType type() {
    return type;
  }

  /**
   * Output features.
   *
   * @return N
   */
  public int rows() {
    return rows;
  }

  /**
   * Input features.
   *
   * @return K
   */
  public int columns() {
    return columns;
  }

  /**
   * Memory held.
   *
   * @return bytes, padding included
   */
  public long byteSize() {
    return memory.byteSize();
  }

  /** Number of panels. */
  int panels() {
    return (rows - 1 + PANEL_ROWS) / PANEL_ROWS;
  }

  /** Rows of a panel that exist. */
  int rowsOf(int panel) {
    return Math.min(PANEL_ROWS, rows - panel * PANEL_ROWS);
  }

  /** Whether a panel and the next are halves of the same lines. */
  boolean sharesLine(int panel) {
    return type != ElementType.F32 && (firstPanel + panel) % 2 == 0;
  }

  /** Byte offset of a panel's share of line {@code k}; not for the block types. */
  long line(int panel, int k) {
    int panels = groupRows(type) / PANEL_ROWS;
    int at = firstPanel + panel;
    return (at / panels * (long) columns + k) * LINE_BYTES + at % panels * (LINE_BYTES / panels);
  }

  /** Byte offset of the scales of the block of a panel's group that holds column {@code k}. */
  long scales(int panel, int k) {
    return group(panel) + BlockLayout.scales(type, k / BlockLayout.COLUMNS);
  }

  /** Byte offset of the codes of the block of a panel's group that holds column {@code k}. */
  long codes(int panel, int k) {
    return group(panel) + BlockLayout.codes(type, k / BlockLayout.COLUMNS, columns);
  }

  /** Byte offset of a panel's group. */
  private long group(int panel) {
    return (firstPanel + panel) / 2 * groupBytes(type, columns);
  }

  /** Whether the first panel is the second of its group. */
  boolean startsInsideGroup() {
    return firstPanel % 2 != 0;
  }

  /** Byte offset of the whole line {@code k} that holds a row's value. */
  long groupLine(int row, int k) {
    return line(row / PANEL_ROWS, k) / LINE_BYTES * LINE_BYTES;
  }

  /** The place of a row in its group. */
  int inGroup(int row) {
    return (firstPanel * PANEL_ROWS + row) % groupRows(type);
  }

  private long element(int row, int k) {
    int inPanel = row % PANEL_ROWS;
    int slot = type == ElementType.F32 ? inPanel * 4 : (inPanel % HALF) * 4 + (inPanel / HALF) * 2;
    return line(row / PANEL_ROWS, k) + slot;
  }

  /**
   * Stores rows given in row-major order, converting to this matrix's type (nearest, ties to even;
   * to the block types as {@link BlockQuantizer} does). Blocks of the same type keep their bits.
   * Different rows may be stored by different threads only if no group of {@link #GROUP_ROWS} is
   * shared.
   *
   * @param firstRow first row written
   * @param count number of rows
   * @param source {@code count × K} little-endian elements, or rows of blocks
   * @param sourceType their type
   * @return index into {@code source} of an element that is, or by the conversion would be, NaN or
   *     infinite, or −1 if there is none; rows from that element's on are then not all written
   */
  public long put(int firstRow, int count, MemorySegment source, ElementType sourceType) {
    checkRows(firstRow, count);
    if (type.isBlocks() || sourceType.isBlocks()) {
      return new BlockRows(this).put(firstRow, count, source, sourceType);
    }
    return new WeightRows(this, source, sourceType).put(firstRow, count);
  }

  /**
   * Copies rows out in row-major order and in this matrix's own type, bit for bit.
   *
   * @param firstRow first row read
   * @param count number of rows
   * @param target {@code count × K} little-endian elements, or rows of blocks, overwritten
   */
  public void copyRows(int firstRow, int count, MemorySegment target) {
    checkRows(firstRow, count);
    if (type.isBlocks()) {
      new BlockRows(this).copy(firstRow, count, target);
      return;
    }
    for (int r = 0; r < count; r++) {
      long from = element(firstRow + r, 0);
      long to = (long) r * columns;
      if (type == ElementType.F32) {
        for (int k = 0; k < columns; k++) {
          target.set(INT, (to + k) * 4, memory.get(INT, from + (long) k * LINE_BYTES));
        }
      } else {
        for (int k = 0; k < columns; k++) {
          target.set(SHORT, (to + k) * 2, memory.get(SHORT, from + (long) k * LINE_BYTES));
        }
      }
    }
  }

  /**
   * Widens one row to fp32.
   *
   * @param row the row
   * @param target K floats, overwritten
   * @param offset where in {@code target}
   */
  public void row(int row, float[] target, int offset) {
    checkRows(row, 1);
    switch (type) {
      case F32 -> {
        long from = element(row, 0);
        for (int k = 0; k < columns; k++) {
          target[offset + k] = memory.get(FLOAT, from + (long) k * LINE_BYTES);
        }
      }
      case F16, BF16 -> {
        long from = element(row, 0);
        for (int k = 0; k < columns; k++) {
          target[offset + k] = widen(memory.get(SHORT, from + (long) k * LINE_BYTES), type);
        }
      }
      case Q8_0, Q4_0 -> BlockRows.widen(this, row, target, offset);
    }
  }

  /** Sets every element to zero. */
  public void fillWithZeros() {
    memory.fill((byte) 0);
  }

  /** Adds columns {@code from … to} of a row of fp32 values to a row of an F32 matrix. */
  void addToRow(int row, float[] values, int offset, int from, int to) {
    for (int k = from; k < to; k++) {
      long at = element(row, k);
      memory.set(FLOAT, at, memory.get(FLOAT, at) + values[offset + k]);
    }
  }

  private void checkRows(int first, int count) {
    if (first < 0 || count < 0 || first > rows - count) {
      throw new IllegalArgumentException(
          "rows: %d from %d, the weights have %d".formatted(count, first, rows));
    }
  }

  /** A 16-bit element as fp32; exact. */
  static float widen(short bits, ElementType type) {
    return type == ElementType.BF16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat(bits);
  }

  /**
   * Rounds to bfloat16: nearest, ties to even; NaN stays NaN.
   *
   * @param value any float
   * @return the upper 16 bits of the rounded value
   */
  public static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) ((bits + 0x7FFF + (bits >>> 16 & 1)) >>> 16);
  }
}
