package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;

/**
 * Keys and values of {@link KeyValueRows} as fp32 in an array, whatever they are kept as: exactly
 * what is stored, so that all arithmetic on them is one code. What is read goes through an array
 * too: there a loop's accesses are checked once, and a bulk copy keeps more loads under way.
 */
final class KeyValueReads {
  private static final int KEY_BLOCK = KeyValueRows.KEY_BLOCK;
  private static final int GROUP = KeyValueRows.GROUP;

  /** Bytes that a vector may read past the last code. */
  private static final int PADDING = 64;

  private KeyValueReads() {}

  /** Where feature 0 of key {@code i} stands in what {@link #keys} writes. */
  static int key(int size, int i) {
    return i / KEY_BLOCK * KEY_BLOCK * size + i % KEY_BLOCK;
  }

  /**
   * Reads keys from a position on that is a multiple of 16.
   *
   * @param out {@code (⌈count / 16⌉, D, 16)}, overwritten
   */
  static void keys(
      float[] out, KeyValueRows cache, int head, int from, int count, Scratch scratch) {
    int size = cache.headSize;
    int blocks = (count + KEY_BLOCK - 1) / KEY_BLOCK;
    int elements = blocks * KEY_BLOCK * size;
    long first = cache.key(head, from, size);
    if (cache.type.isBlocks()) {
      byte[] codes = codes(cache.keys, first, elements, scratch);
      long scale = cache.key(head, from, cache.groups);
      float[] scales = scales(cache.keyScales, scale, blocks * KEY_BLOCK * cache.groups, scratch);
      if (Simd.VECTOR) {
        VectorKeyValues.keys(out, codes, scales, blocks, size);
      } else {
        keys(out, codes, scales, blocks, size);
      }
    } else {
      elements(out, cache.type, cache.keys, first, elements, scratch);
    }
  }

  /**
   * Reads values.
   *
   * @param out {@code (count, D)}, overwritten
   */
  static void values(
      float[] out, KeyValueRows cache, int head, int from, int count, Scratch scratch) {
    int size = cache.headSize;
    long row = cache.row(head, from);
    if (cache.type.isBlocks()) {
      byte[] codes = codes(cache.values, row * size, count * size, scratch);
      float[] scales = scales(cache.valueScales, row * cache.groups, count * cache.groups, scratch);
      if (Simd.VECTOR) {
        VectorKeyValues.values(out, codes, scales, count, size, scratch);
      } else {
        values(out, codes, scales, count, size);
      }
    } else {
      elements(out, cache.type, cache.values, row * size, count * size, scratch);
    }
  }

  private static void elements(
      float[] out, ElementType type, MemorySegment from, long first, int count, Scratch scratch) {
    if (type == ElementType.F32) {
      MemorySegment.copy(from, KeyValueRows.FLOAT, first * 4, out, 0, count);
      return;
    }
    short[] halves = scratch.shorts(Use.KEYS, count);
    MemorySegment.copy(from, KeyValueRows.SHORT, first * 2, halves, 0, count);
    if (type == ElementType.F16) {
      widenF16(out, halves, count);
    } else {
      int done = Simd.VECTOR ? VectorKeyValues.widenBf16(out, halves, count) : 0;
      for (int i = done; i < count; i++) {
        out[i] = Float.intBitsToFloat(halves[i] << 16);
      }
    }
  }

  /** The JIT makes vectors of this loop, which keep infinity and NaN. */
  private static void widenF16(float[] out, short[] halves, int count) {
    for (int i = 0; i < count; i++) {
      out[i] = Float.float16ToFloat(halves[i]);
    }
  }

  private static byte[] codes(MemorySegment from, long first, int count, Scratch scratch) {
    byte[] codes = scratch.bytes(count + PADDING);
    MemorySegment.copy(from, JAVA_BYTE, first, codes, 0, count);
    return codes;
  }

  private static float[] scales(MemorySegment from, long first, int count, Scratch scratch) {
    short[] halves = scratch.shorts(Use.SCALES, count);
    float[] scales = scratch.floats(Use.SCALES, count);
    MemorySegment.copy(from, KeyValueRows.SHORT, first * 2, halves, 0, count);
    widenF16(scales, halves, count);
    return scales;
  }

  /** Code times scale; the scales of 32 features of 16 keys stand side by side. */
  static void keys(float[] out, byte[] codes, float[] scales, int blocks, int size) {
    int groups = (size + GROUP - 1) / GROUP;
    for (int b = 0; b < blocks; b++) {
      for (int d = 0; d < size; d++) {
        int at = (b * size + d) * KEY_BLOCK;
        int scale = (b * groups + d / GROUP) * KEY_BLOCK;
        for (int i = 0; i < KEY_BLOCK; i++) {
          out[at + i] = codes[at + i] * scales[scale + i];
        }
      }
    }
  }

  /** Code times scale; a value's scales stand side by side. */
  static void values(float[] out, byte[] codes, float[] scales, int count, int size) {
    int groups = (size + GROUP - 1) / GROUP;
    for (int i = 0; i < count; i++) {
      for (int d = 0; d < size; d++) {
        out[i * size + d] = codes[i * size + d] * scales[i * groups + d / GROUP];
      }
    }
  }
}
