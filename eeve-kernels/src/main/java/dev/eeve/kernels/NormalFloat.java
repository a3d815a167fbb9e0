package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * NF4 with double quantization (Dettmers et al., 2023), byte for byte as bitsandbytes lays it out:
 * a value is one of 16 quantiles of the normal distribution times the largest magnitude of its
 * block of 64; two values a byte, the first in the high half. The scales, less their mean, are
 * 8-bit numbers of a dynamic map times the largest magnitude of 256 of them. Blocks go through a
 * matrix row by row, over the ends of rows.
 */
public final class NormalFloat {
  /** Values that share a scale. */
  public static final int BLOCK = 64;

  /** Scales that share a scale. */
  public static final int NESTED_BLOCK = 256;

  /** bitsandbytes' published quantiles. */
  private static final float[] CODE = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f
  };

  private static final int ZERO = 7;
  private static final float[] DYNAMIC_MAP = makeDynamicMap();

  private NormalFloat() {}

  /**
   * The 16 values before scaling.
   *
   * @return ascending, from −1 to 1; a copy
   */
  public static float[] code() {
    return CODE.clone();
  }

  /**
   * The signed dynamic map of 8 bits (Dettmers, 2015): seven decades with 1, 2, … 64 values of each
   * sign, 0 and 1.
   *
   * @return 256 values, ascending; a copy
   */
  public static float[] dynamicMap() {
    return DYNAMIC_MAP.clone();
  }

  private static float[] makeDynamicMap() {
    float[] map = new float[256];
    int used = 0;
    for (int decade = 0; decade < 7; decade++) {
      int values = 1 << decade;
      float scale = (float) Math.pow(10, decade - 6.0);
      float step = 0.9f / values;
      for (int i = 0; i < values; i++) {
        float mean = ((0.1f + step * i) + (0.1f + step * (i + 1))) / 2;
        map[used++] = scale * mean;
        map[used++] = -(scale * mean);
      }
    }
    map[used++] = 0;
    map[used] = 1;
    Arrays.sort(map);
    return map;
  }

  /**
   * Quantizes whole blocks, and at the end of a matrix a part of one.
   *
   * @param packed two values a byte, overwritten
   * @param at byte offset of the first value
   * @param absmax the blocks' largest magnitudes, overwritten
   * @param absmaxAt index of the first block's
   * @param values read
   * @param from index of the first
   * @param count how many; an odd last one shares its byte with 0
   * @return index into {@code values} of one that is NaN or infinite, or −1; blocks from that one's
   *     on are then not written
   */
  public static int quantize(
      MemorySegment packed,
      long at,
      float[] absmax,
      int absmaxAt,
      float[] values,
      int from,
      int count) {
    for (int first = 0; first < count; first += BLOCK) {
      int size = Math.min(BLOCK, count - first);
      float largest = 0;
      for (int i = from + first; i < from + first + size; i++) {
        if (!Float.isFinite(values[i])) {
          return i;
        }
        largest = Math.max(largest, Math.abs(values[i]));
      }
      absmax[absmaxAt + first / BLOCK] = largest;
      float inverse = 1 / largest;
      for (int i = 0; i < size; i += 2) {
        int high = nearest(CODE, values[from + first + i], inverse);
        int low = i + 1 < size ? nearest(CODE, values[from + first + i + 1], inverse) : ZERO;
        packed.set(JAVA_BYTE, at + (first + i) / 2, (byte) (high << 4 | low));
      }
    }
    return -1;
  }

  /** The index of the value nearest to a scaled one, the lower of two as near. */
  private static int nearest(float[] map, float value, float inverse) {
    float scaled = Math.clamp(value * inverse, -1f, 1f);
    if (Float.isNaN(scaled)) { // of a block of zeros
      scaled = 0;
    }
    int found = Arrays.binarySearch(map, scaled);
    if (found >= 0) {
      return found;
    }
    int above = -found - 1;
    if (above == 0 || above == map.length) {
      return above == 0 ? 0 : map.length - 1;
    }
    return scaled - map[above - 1] <= map[above] - scaled ? above - 1 : above;
  }

  /**
   * Gives values back: {@code code · absmax} in fp32.
   *
   * @param out overwritten
   * @param outAt index of the first
   * @param count how many
   * @param packed two values a byte, read
   * @param first number of the first value in {@code packed}, from byte 0 on
   * @param code the 16 values
   * @param absmax the scales of blocks from value 0 on
   * @param block values that share one
   */
  public static void dequantize(
      float[] out,
      int outAt,
      int count,
      MemorySegment packed,
      long first,
      float[] code,
      float[] absmax,
      int block) {
    for (int i = 0; i < count; i++) {
      long value = first + i;
      int bits = packed.get(JAVA_BYTE, value / 2) & 0xFF;
      int index = value % 2 == 0 ? bits >>> 4 : bits & 0xF;
      out[outAt + i] = code[index] * absmax[(int) (value / block)];
    }
  }

  /**
   * Scales in 8 bits.
   *
   * @param quantized indices into the dynamic map, one a block of values
   * @param absmax the largest magnitude of each {@link #NESTED_BLOCK} of scales less the offset
   * @param offset their mean
   */
  public record Scales(byte[] quantized, float[] absmax, float offset) {}

  /**
   * Quantizes scales.
   *
   * @param absmax one a block of values
   * @return 8 bits for each, and what gives them back
   */
  public static Scales quantizeScales(float[] absmax) {
    double sum = 0;
    for (float scale : absmax) {
      sum += scale;
    }
    float offset = absmax.length == 0 ? 0 : (float) (sum / absmax.length);
    byte[] quantized = new byte[absmax.length];
    float[] nested = new float[(absmax.length + NESTED_BLOCK - 1) / NESTED_BLOCK];
    for (int i = 0; i < absmax.length; i++) {
      nested[i / NESTED_BLOCK] = Math.max(nested[i / NESTED_BLOCK], Math.abs(absmax[i] - offset));
    }
    for (int i = 0; i < absmax.length; i++) {
      quantized[i] = (byte) nearest(DYNAMIC_MAP, absmax[i] - offset, 1 / nested[i / NESTED_BLOCK]);
    }
    return new Scales(quantized, nested, offset);
  }

  /**
   * Gives scales back: {@code map · absmax + offset} in fp32.
   *
   * @param quantized indices into the map
   * @param map 256 values
   * @param absmax the largest magnitude of each block
   * @param block scales that share one
   * @param offset added
   * @return one a block of values
   */
  public static float[] dequantizeScales(
      byte[] quantized, float[] map, float[] absmax, int block, float offset) {
    float[] scales = new float[quantized.length];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = map[quantized[i] & 0xFF] * absmax[i / block] + offset;
    }
    return scales;
  }
}
