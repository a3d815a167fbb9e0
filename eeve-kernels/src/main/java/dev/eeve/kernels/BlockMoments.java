package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * AdamW's two moments of a matrix (N, K) in 8 bits an element, in blocks of {@value #BLOCK} that
 * each have one fp32 scale, the largest magnitude of the block. Codes are those of the dynamic map
 * of Dettmers et al. (2022), never a linear one: it would round small second moments to 0.
 *
 * <p>Elements stand as in an F32 {@link Weights}: panels of 32 rows, column by column; a block is 8
 * columns of a panel, the last of a panel what is left.
 */
public final class BlockMoments {
  /** Elements that share a scale. */
  public static final int BLOCK = 256;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  final int rows;
  final int columns;
  private final MemorySegment firstCodes;
  private final MemorySegment firstScales;
  private final MemorySegment secondCodes;
  private final MemorySegment secondScales;

  private BlockMoments(SegmentAllocator memory, int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    firstCodes = memory.allocate(codes(rows, columns), 64);
    firstScales = memory.allocate(scales(rows, columns), 64);
    secondCodes = memory.allocate(codes(rows, columns), 64);
    secondScales = memory.allocate(scales(rows, columns), 64);
  }

  /**
   * Takes memory for moments that are zero.
   *
   * @param memory owner of the memory, which gives zeros
   * @param rows N
   * @param columns K
   * @return the moments
   */
  public static BlockMoments allocate(SegmentAllocator memory, int rows, int columns) {
    return new BlockMoments(memory, rows, columns);
  }

  /**
   * Bytes that {@link #allocate} takes.
   *
   * @param rows N
   * @param columns K
   * @return codes and scales of both moments
   */
  public static long byteSize(int rows, int columns) {
    return 2 * (codes(rows, columns) + scales(rows, columns));
  }

  private static long panels(int rows) {
    return (rows - 1L + Weights.PANEL_ROWS) / Weights.PANEL_ROWS;
  }

  private static int blocks(int columns) {
    return (columns * Weights.PANEL_ROWS - 1 + BLOCK) / BLOCK;
  }

  private static long codes(int rows, int columns) {
    return panels(rows) * columns * Weights.PANEL_ROWS;
  }

  private static long scales(int rows, int columns) {
    return panels(rows) * blocks(columns) * Float.BYTES;
  }

  /**
   * All that is stored, for checkpoints.
   *
   * @return codes and scales of the first moment, then of the second
   */
  public List<MemorySegment> memory() {
    return List.of(firstCodes, firstScales, secondCodes, secondScales);
  }

  /** Where a line's elements begin, in elements; a multiple of BLOCK where the line is one of 8. */
  private long element(int panel, int line) {
    return ((long) panel * columns + line) * Weights.PANEL_ROWS;
  }

  private long scale(int panel, int line) {
    return ((long) panel * blocks(columns) + line * Weights.PANEL_ROWS / BLOCK) * Float.BYTES;
  }

  /** Reads whole blocks: elements of lines from {@code line}, a multiple of 8, on. */
  void load(
      float[] first,
      float[] second,
      int firstAt,
      int secondAt,
      int panel,
      int line,
      int count,
      Scratch scratch) {
    load(DynamicCode.SIGNED, firstCodes, firstScales, first, firstAt, panel, line, count, scratch);
    load(
        DynamicCode.UNSIGNED,
        secondCodes,
        secondScales,
        second,
        secondAt,
        panel,
        line,
        count,
        scratch);
  }

  private void load(
      DynamicCode code,
      MemorySegment codes,
      MemorySegment scales,
      float[] values,
      int at,
      int panel,
      int line,
      int count,
      Scratch scratch) {
    byte[] room = scratch.bytes(count);
    MemorySegment.copy(codes, ValueLayout.JAVA_BYTE, element(panel, line), room, 0, count);
    float[] numbers = code.numbers;
    for (int b = 0; b < count; b += BLOCK) {
      float scale = scales.get(FLOAT, scale(panel, line) + b / BLOCK * Float.BYTES);
      int end = Math.min(count, b + BLOCK);
      for (int i = b; i < end; i++) {
        values[at + i] = numbers[room[i] & 0xFF] * scale;
      }
    }
  }

  /** The way back. */
  void store(
      float[] first,
      float[] second,
      int firstAt,
      int secondAt,
      int panel,
      int line,
      int count,
      Scratch scratch) {
    store(DynamicCode.SIGNED, firstCodes, firstScales, first, firstAt, panel, line, count, scratch);
    store(
        DynamicCode.UNSIGNED,
        secondCodes,
        secondScales,
        second,
        secondAt,
        panel,
        line,
        count,
        scratch);
  }

  private void store(
      DynamicCode code,
      MemorySegment codes,
      MemorySegment scales,
      float[] values,
      int at,
      int panel,
      int line,
      int count,
      Scratch scratch) {
    byte[] room = scratch.bytes(count);
    int[] ints = scratch.codes(BLOCK);
    for (int b = 0; b < count; b += BLOCK) {
      int size = Math.min(BLOCK, count - b);
      float scale = largest(values, at + b, size, scratch);
      float inverse = scale > Float.MIN_NORMAL ? 1 / scale : 0;
      if (inverse == 0) { // too small to be told from zero, and 1 / scale might be infinite
        scale = 0;
      }
      scales.set(FLOAT, scale(panel, line) + b / BLOCK * Float.BYTES, scale);
      if (Simd.VECTOR) {
        VectorDynamicCode.encode(code, ints, values, at + b, size, inverse);
        for (int i = 0; i < size; i++) {
          room[b + i] = (byte) ints[i];
        }
      } else {
        for (int i = 0; i < size; i++) {
          room[b + i] = (byte) code.encode(values[at + b + i], inverse);
        }
      }
    }
    MemorySegment.copy(room, 0, codes, ValueLayout.JAVA_BYTE, element(panel, line), count);
  }

  private static float largest(float[] values, int at, int count, Scratch scratch) {
    if (Simd.VECTOR) {
      float[] lanes = scratch.floats(Scratch.Use.SUMS, Weights.PANEL_ROWS);
      return VectorDynamicCode.largest(values, at, count, lanes);
    }
    float largest = 0;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, Math.abs(values[at + i]));
    }
    return largest;
  }
}
