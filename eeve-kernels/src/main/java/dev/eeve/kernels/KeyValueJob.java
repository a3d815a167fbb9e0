package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;

/**
 * {@link KeyValueRows#put}; one unit is a head. fp32 becomes F16 and BF16 by rounding to nearest,
 * ties to even, and Q8_0 as {@link BlockQuantizer} says, with blocks of 32 from the head's first
 * feature on. NaN and what is too large for the type come out as NaN or infinity, so that they are
 * seen.
 */
final class KeyValueJob extends Job {
  KeyValueRows cache;
  FloatMatrix k;
  FloatMatrix v;
  int firstPosition;

  @Override
  void run(int head, Scratch scratch) {
    for (int r = 0; r < k.rows(); r++) {
      int at = head * cache.headSize;
      int position = firstPosition + r;
      switch (cache.type) {
        case F32 -> putFloats(head, position, k.index(r) + at, v.index(r) + at);
        case F16, BF16 -> putHalves(head, position, k.index(r) + at, v.index(r) + at, scratch);
        default -> putCodes(head, position, k.index(r) + at, v.index(r) + at, scratch);
      }
    }
  }

  private void putFloats(int head, int position, int keyAt, int valueAt) {
    int size = cache.headSize;
    long key = cache.key(head, position, size) * 4;
    float[] from = k.data();
    for (int d = 0; d < size; d++) {
      cache.keys.set(KeyValueRows.FLOAT, key + d * KeyValueRows.KEY_BLOCK * 4L, from[keyAt + d]);
    }
    long value = cache.row(head, position) * size * 4;
    MemorySegment.copy(v.data(), valueAt, cache.values, KeyValueRows.FLOAT, value, size);
  }

  private void putHalves(int head, int position, int keyAt, int valueAt, Scratch scratch) {
    int size = cache.headSize;
    short[] halves = scratch.shorts(Use.KEYS, size);
    round(halves, k.data(), keyAt, size);
    scatter(halves, size, cache.keys, cache.key(head, position, size));
    round(halves, v.data(), valueAt, size);
    long value = cache.row(head, position) * size * 2;
    MemorySegment.copy(halves, 0, cache.values, KeyValueRows.SHORT, value, size);
  }

  private void round(short[] halves, float[] from, int at, int size) {
    if (cache.type == ElementType.F16) {
      for (int d = 0; d < size; d++) {
        halves[d] = Float.floatToFloat16(from[at + d]);
      }
    } else {
      for (int d = 0; d < size; d++) {
        halves[d] = Weights.floatToBfloat16(from[at + d]);
      }
    }
  }

  private static void scatter(short[] from, int count, MemorySegment to, long first) {
    for (int i = 0; i < count; i++) {
      to.set(KeyValueRows.SHORT, (first + (long) i * KeyValueRows.KEY_BLOCK) * 2, from[i]);
    }
  }

  private void putCodes(int head, int position, int keyAt, int valueAt, Scratch scratch) {
    int size = cache.headSize;
    int groups = cache.groups;
    byte[] codes = scratch.bytes(size);
    short[] scales = scratch.shorts(Use.SCALES, groups);
    quantize(codes, scales, k.data(), keyAt);
    long key = cache.key(head, position, size);
    for (int d = 0; d < size; d++) {
      cache.keys.set(JAVA_BYTE, key + (long) d * KeyValueRows.KEY_BLOCK, codes[d]);
    }
    scatter(scales, groups, cache.keyScales, cache.key(head, position, groups));
    quantize(codes, scales, v.data(), valueAt);
    long row = cache.row(head, position);
    MemorySegment.copy(codes, 0, cache.values, JAVA_BYTE, row * size, size);
    MemorySegment.copy(scales, 0, cache.valueScales, KeyValueRows.SHORT, row * groups * 2, groups);
  }

  private void quantize(byte[] codes, short[] scales, float[] from, int at) {
    for (int g = 0; g < cache.groups; g++) {
      int first = g * KeyValueRows.GROUP;
      int count = Math.min(KeyValueRows.GROUP, cache.headSize - first);
      float scale = BlockQuantizer.q8Scale(from, at + first, count);
      float inverse = BlockQuantizer.inverse(scale);
      scales[g] = Float.floatToFloat16(scale);
      for (int i = first; i < first + count; i++) {
        codes[i] = BlockQuantizer.q8Code(from[at + i], inverse);
      }
    }
  }
}
