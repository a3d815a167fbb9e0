package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Keys and values of one layer, fp32 and off-heap. Keys stand in blocks of 16 positions with the
 * positions side by side, so that a lane of a vector is a key; values stand in rows.
 */
public final class KeyValueRows {
  /** Positions that stand side by side. */
  public static final int KEY_BLOCK = 16;

  /** Bytes of a stored element. */
  public static final int ELEMENT_BYTES = Float.BYTES;

  static final ValueLayout.OfFloat FLOAT = JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  final MemorySegment keys;
  final MemorySegment values;
  final int heads;
  final int headSize;
  private final int capacity;

  private KeyValueRows(
      MemorySegment keys, MemorySegment values, int heads, int headSize, int capacity) {
    this.keys = keys;
    this.values = values;
    this.heads = heads;
    this.headSize = headSize;
    this.capacity = capacity;
  }

  /**
   * Takes memory for {@code capacity} positions.
   *
   * @param arena owner of the memory
   * @param heads key/value heads
   * @param headSize D
   * @param capacity positions
   * @return rows that hold nothing yet
   */
  public static KeyValueRows allocate(Arena arena, int heads, int headSize, int capacity) {
    long bytes = byteSize(heads, headSize, capacity) / 2;
    return new KeyValueRows(
        arena.allocate(bytes, 64), arena.allocate(bytes, 64), heads, headSize, capacity);
  }

  /**
   * Bytes {@link #allocate} takes.
   *
   * @param heads key/value heads
   * @param headSize D
   * @param capacity positions
   * @return bytes of keys and values together
   */
  public static long byteSize(int heads, int headSize, int capacity) {
    if (heads < 1 || headSize < 1 || capacity < 1) {
      throw new IllegalArgumentException(
          "key/value rows: %d heads of %d for %d positions, needed at least 1 of each"
              .formatted(heads, headSize, capacity));
    }
    return 2L * 4 * heads * headSize * padded(capacity);
  }

  private static int padded(int capacity) {
    return (capacity - 1) / KEY_BLOCK * KEY_BLOCK + KEY_BLOCK;
  }

  /**
   * Memory held.
   *
   * @return bytes of keys and values together
   */
  public long byteSize() {
    return keys.byteSize() + values.byteSize();
  }

  /**
   * Positions that fit.
   *
   * @return the capacity
   */
  public int capacity() {
    return capacity;
  }

  /** Byte offset of feature {@code d} of the key at {@code position}. */
  long key(int head, int position, int d) {
    int block = position / KEY_BLOCK;
    return 4L
        * ((((long) head * (padded(capacity) / KEY_BLOCK) + block) * headSize + d) * KEY_BLOCK
            + position % KEY_BLOCK);
  }

  /** Byte offset of feature 0 of the value at {@code position}. */
  long value(int head, int position) {
    return 4L * ((long) head * padded(capacity) + position) * headSize;
  }

  /**
   * Stores keys (already rotated) and values of consecutive positions.
   *
   * @param k keys (R, heads · D), read
   * @param v values (R, heads · D), read
   * @param firstPosition position of row 0
   */
  public void put(FloatMatrix k, FloatMatrix v, int firstPosition) {
    k.require("k", k.rows(), heads * headSize);
    v.require("v", k.rows(), heads * headSize);
    if (firstPosition < 0 || firstPosition + k.rows() > capacity) {
      throw new IllegalArgumentException(
          "position: %d rows from %d, the cache holds %d"
              .formatted(k.rows(), firstPosition, capacity));
    }
    for (int r = 0; r < k.rows(); r++) {
      int position = firstPosition + r;
      for (int h = 0; h < heads; h++) {
        long key = key(h, position, 0);
        int from = k.index(r) + h * headSize;
        for (int d = 0; d < headSize; d++) {
          keys.set(FLOAT, key + (long) d * KEY_BLOCK * 4, k.data()[from + d]);
        }
        MemorySegment.copy(
            v.data(), v.index(r) + h * headSize, values, FLOAT, value(h, position), headSize);
      }
    }
  }
}
