package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * ggml's block formats to fp32, in its order of operations and so with its bits.
 *
 * <p>Source: {@code dequantize_row_q8_0}, {@code _q4_0}, {@code _q4_K}, {@code _q5_K} and {@code
 * _q6_K} of llama.cpp.
 */
public final class BlockDequantizer {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockDequantizer() {}

  /**
   * Dequantizes a row.
   *
   * @param format how it is stored
   * @param out overwritten; not finite where a block's scale is not
   * @param outOffset where in {@code out} to begin
   * @param count the row's length, a multiple of the block's
   * @param in whole blocks
   * @param inOffset the first byte of {@code in} that is read
   * @throws IllegalArgumentException for another length
   */
  public static void dequantize(
      BlockFormat format, float[] out, int outOffset, int count, MemorySegment in, long inOffset) {
    int blocks = format.blocks(count);
    for (int b = 0; b < blocks; b++) {
      int to = outOffset + b * format.elements();
      long at = inOffset + (long) b * format.bytes();
      switch (format) {
        case Q8_0 -> q8(out, to, in, at);
        case Q4_0 -> q4(out, to, in, at);
        case Q4_K -> q4k(out, to, in, at);
        case Q5_K -> q5k(out, to, in, at);
        case Q6_K -> q6k(out, to, in, at);
      }
    }
  }

  private static void q8(float[] out, int to, MemorySegment in, long at) {
    float d = half(in, at);
    for (int i = 0; i < 32; i++) {
      out[to + i] = in.get(ValueLayout.JAVA_BYTE, at + 2 + i) * d;
    }
  }

  private static void q4(float[] out, int to, MemorySegment in, long at) {
    float d = half(in, at);
    for (int i = 0; i < 16; i++) {
      int codes = unsigned(in, at + 2 + i);
      out[to + i] = ((codes & 15) - 8) * d;
      out[to + 16 + i] = ((codes >> 4) - 8) * d;
    }
  }

  /** Eight parts of 32: two share 32 bytes, the even one in the low nibbles. */
  private static void q4k(float[] out, int to, MemorySegment in, long at) {
    float d = half(in, at);
    float min = half(in, at + 2);
    for (int part = 0; part < 8; part++) {
      float scale = d * scale(in, at + 4, part);
      float offset = min * minimum(in, at + 4, part);
      long codes = at + 16 + part / 2 * 32;
      for (int i = 0; i < 32; i++) {
        int code = unsigned(in, codes + i) >> part % 2 * 4 & 15;
        out[to + part * 32 + i] = scale * code - offset;
      }
    }
  }

  /** As Q4_K; bit {@code part} of byte i of the plane is the fifth bit of element i. */
  private static void q5k(float[] out, int to, MemorySegment in, long at) {
    float d = half(in, at);
    float min = half(in, at + 2);
    for (int part = 0; part < 8; part++) {
      float scale = d * scale(in, at + 4, part);
      float offset = min * minimum(in, at + 4, part);
      long codes = at + 48 + part / 2 * 32;
      for (int i = 0; i < 32; i++) {
        int fifth = unsigned(in, at + 16 + i) >> part & 1;
        int code = unsigned(in, codes + i) >> part % 2 * 4 & 15 | fifth << 4;
        out[to + part * 32 + i] = scale * code - offset;
      }
    }
  }

  /** The 6-bit scale of a part: 12 bytes hold eight scales and eight minima. */
  private static int scale(MemorySegment in, long at, int part) {
    return part < 4
        ? unsigned(in, at + part) & 63
        : unsigned(in, at + part + 4) & 15 | unsigned(in, at + part - 4) >> 6 << 4;
  }

  private static int minimum(MemorySegment in, long at, int part) {
    return part < 4
        ? unsigned(in, at + part + 4) & 63
        : unsigned(in, at + part + 4) >> 4 | unsigned(in, at + part) >> 6 << 4;
  }

  /**
   * Two halves of 128, each four groups of 32: low nibbles of 64 bytes hold groups 0 and 1, high
   * ones 2 and 3; bit pairs of 32 more bytes hold each group's upper two bits. A scale for 16.
   */
  private static void q6k(float[] out, int to, MemorySegment in, long at) {
    float d = half(in, at + 208);
    for (int group = 0; group < 8; group++) {
      int inHalf = group % 4;
      long low = at + group / 4 * 64 + inHalf % 2 * 32;
      long high = at + 128 + group / 4 * 32;
      for (int i = 0; i < 32; i++) {
        int nibble = unsigned(in, low + i) >> inHalf / 2 * 4 & 15;
        int upper = unsigned(in, high + i) >> inHalf * 2 & 3;
        int scale = in.get(ValueLayout.JAVA_BYTE, at + 192 + group * 2 + i / 16);
        out[to + group * 32 + i] = d * scale * ((nibble | upper << 4) - 32);
      }
    }
  }

  private static float half(MemorySegment in, long at) {
    return Float.float16ToFloat(in.get(SHORT, at));
  }

  private static int unsigned(MemorySegment in, long at) {
    return in.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
  }
}
