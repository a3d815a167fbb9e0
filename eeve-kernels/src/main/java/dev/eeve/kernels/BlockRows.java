package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Brings row-major rows into the panels of {@link Weights} where one of both is of a block type,
 * and blocks back out. A group's rows are made blocks first; then a block of all of them at a time
 * is dealt in an array and goes to memory at once.
 */
final class BlockRows {
  private static final int GROUP = Weights.GROUP_ROWS;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int COLUMNS = BlockLayout.COLUMNS;
  private static final int LINE = Weights.LINE_BYTES;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Weights weights;
  private final ElementType type;
  private final int columns;

  BlockRows(Weights weights) {
    this.weights = weights;
    this.type = weights.type();
    this.columns = weights.columns();
  }

  /** See {@link Weights#put}. */
  long put(int firstRow, int count, MemorySegment source, ElementType sourceType) {
    if (!type.isBlocks()) {
      return putWidened(firstRow, count, source, sourceType);
    }
    long rowBytes = type.byteSize(columns);
    byte[] blocks = new byte[Math.toIntExact(rowBytes * Math.min(count, GROUP))];
    MemorySegment room = MemorySegment.ofArray(blocks);
    float[] row = new float[columns];
    byte[] lines = new byte[BlockLayout.bytes(type)];
    for (int r = 0; r < count; ) {
      int first = weights.inGroup(firstRow + r);
      int rows = Math.min(count - r, GROUP - first);
      long from = r * sourceType.byteSize(columns);
      if (sourceType == type) {
        MemorySegment.copy(source, from, room, 0, rows * rowBytes);
        int bad = infiniteScale(room, rows);
        if (bad >= 0) {
          return (long) r * columns + bad;
        }
      } else {
        for (int j = 0; j < rows; j++) {
          widen(source, sourceType, from + j * sourceType.byteSize(columns), row);
          int bad = quantize(row, room, j * rowBytes);
          if (bad >= 0) {
            return (long) (r + j) * columns + bad;
          }
        }
      }
      dealGroup(firstRow + r, first, rows, blocks, lines);
      r += rows;
    }
    return -1;
  }

  private int quantize(float[] row, MemorySegment room, long at) {
    return BlockQuantizer.quantize(type.blocks().orElseThrow(), room, at, row, 0, columns);
  }

  /** A panel at a time by way of fp32, so that what lies between stays in the cache. */
  private long putWidened(int firstRow, int count, MemorySegment source, ElementType sourceType) {
    BlockFormat format = sourceType.blocks().orElseThrow();
    long rowBytes = sourceType.byteSize(columns);
    float[] rows = new float[Math.min(count, ROWS) * columns];
    MemorySegment widened = MemorySegment.ofArray(rows);
    for (int r = 0; r < count; r += ROWS) {
      int panel = Math.min(ROWS, count - r);
      BlockDequantizer.dequantize(format, rows, 0, panel * columns, source, r * rowBytes);
      long bad = weights.put(firstRow + r, panel, widened, ElementType.F32);
      if (bad >= 0) {
        return (long) r * columns + bad;
      }
    }
    return -1;
  }

  private static void widen(MemorySegment source, ElementType from, long at, float[] row) {
    switch (from) {
      case F32 -> MemorySegment.copy(source, FLOAT, at, row, 0, row.length);
      case F16, BF16 -> {
        for (int k = 0; k < row.length; k++) {
          row[k] = Weights.widen(source.get(SHORT, at + 2L * k), from);
        }
      }
      case Q8_0, Q4_0 ->
          BlockDequantizer.dequantize(from.blocks().orElseThrow(), row, 0, row.length, source, at);
    }
  }

  /** The first element of rows whose scale is NaN or infinite; −1 if there is none. */
  private int infiniteScale(MemorySegment blocks, int rows) {
    int bytes = type.blocks().orElseThrow().bytes();
    int count = rows * (columns / COLUMNS);
    for (int b = 0; b < count; b++) {
      if ((blocks.get(SHORT, (long) b * bytes) & 0x7C00) == 0x7C00) {
        return b * COLUMNS;
      }
    }
    return -1;
  }

  private void dealGroup(int row, int first, int rows, byte[] blocks, byte[] lines) {
    int rowBytes = (int) type.byteSize(columns);
    int bytes = type.blocks().orElseThrow().bytes();
    for (int b = 0; b < columns / COLUMNS; b++) {
      long scales = weights.scales(row / ROWS, b * COLUMNS);
      long codes = weights.codes(row / ROWS, b * COLUMNS);
      if (rows < GROUP) {
        MemorySegment.copy(weights.memory, JAVA_BYTE, scales, lines, 0, LINE);
        MemorySegment.copy(weights.memory, JAVA_BYTE, codes, lines, LINE, lines.length - LINE);
      }
      for (int j = 0; j < rows; j++) {
        deal(type, blocks, j * rowBytes + b * bytes, lines, first + j);
      }
      MemorySegment.copy(lines, 0, weights.memory, JAVA_BYTE, scales, LINE);
      MemorySegment.copy(lines, LINE, weights.memory, JAVA_BYTE, codes, lines.length - LINE);
    }
  }

  /** One row's block to its places among the group's. */
  private static void deal(ElementType type, byte[] block, int from, byte[] lines, int row) {
    lines[row * Short.BYTES] = block[from];
    lines[row * Short.BYTES + 1] = block[from + 1];
    if (type == ElementType.Q8_0) {
      for (int k = 0; k < COLUMNS; k++) {
        lines[LINE + BlockLayout.place(type, k, row)] = block[from + 2 + k];
      }
      return;
    }
    for (int k = 0; k < COLUMNS; k += 2) {
      int shift = k < COLUMNS / 2 ? 0 : 4; // the file's high nibbles are the second 16 columns
      int pair = from + 2 + k % (COLUMNS / 2);
      int low = block[pair] >> shift & 15;
      int high = block[pair + 1] >> shift & 15;
      lines[LINE + BlockLayout.place(type, k, row) + k % 4 / 2] = (byte) (low | high << 4);
    }
  }

  /** See {@link Weights#copyRows}. */
  void copy(int firstRow, int count, MemorySegment target) {
    int bytes = type.blocks().orElseThrow().bytes();
    for (int r = 0; r < count; r++) {
      int row = weights.inGroup(firstRow + r);
      for (int b = 0; b < columns / COLUMNS; b++) {
        long to = r * type.byteSize(columns) + (long) b * bytes;
        long scales = weights.scales((firstRow + r) / ROWS, b * COLUMNS);
        long codes = weights.codes((firstRow + r) / ROWS, b * COLUMNS);
        target.set(SHORT, to, weights.memory.get(SHORT, scales + row * (long) Short.BYTES));
        if (type == ElementType.Q8_0) {
          for (int k = 0; k < COLUMNS; k++) {
            target.set(JAVA_BYTE, to + 2 + k, (byte) code(codes, k, row));
          }
        } else {
          for (int k = 0; k < COLUMNS / 2; k++) {
            int low = code(codes, k, row) + 8;
            int high = code(codes, COLUMNS / 2 + k, row) + 8;
            target.set(JAVA_BYTE, to + 2 + k, (byte) (low | high << 4));
          }
        }
      }
    }
  }

  private int code(long codes, int column, int row) {
    return BlockLayout.code(type, weights.memory, codes, column, row);
  }

  /** See {@link Weights#row}. */
  static void widen(Weights weights, int row, float[] target, int offset) {
    int inGroup = weights.inGroup(row);
    for (int b = 0; b < weights.columns(); b += COLUMNS) {
      long codes = weights.codes(row / ROWS, b);
      float scale = BlockLayout.scale(weights.memory, weights.scales(row / ROWS, b), inGroup);
      for (int k = 0; k < COLUMNS; k++) {
        int code = BlockLayout.code(weights.type(), weights.memory, codes, k, inGroup);
        target[offset + b + k] = code * scale;
      }
    }
  }
}
