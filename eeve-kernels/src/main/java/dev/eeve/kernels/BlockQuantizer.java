package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * fp32 to ggml's block formats, byte for byte as its reference quantizers.
 *
 * <p>{@link BlockFormat#Q8_0}: {@code d = max |x| / 127}, codes {@code round(x · 1/d)}, halves away
 * from zero. {@link BlockFormat#Q4_0}: {@code d = m / -8} for the first x of largest magnitude m,
 * codes {@code min(15, trunc(x · 1/d + 8.5))}. All in fp32; d is stored as fp16 after the codes
 * were made with the unrounded one. The error of an element is at most d/2 and d's own rounding
 * times the code, for Q4_0 at most d where the clamp to 15 acts.
 *
 * <p>Source: {@code quantize_row_q8_0_ref} and {@code quantize_row_q4_0_ref} of llama.cpp.
 */
public final class BlockQuantizer {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockQuantizer() {}

  /**
   * Quantizes a row.
   *
   * @param format Q8_0 or Q4_0
   * @param out whole blocks, overwritten
   * @param outOffset the first byte of {@code out} that is written
   * @param in holds the row
   * @param inOffset where it begins
   * @param count its length, a multiple of 32
   * @return index in the row of an element that is NaN, infinite or too large for an fp16 scale, or
   *     −1 if there is none; blocks from that element's on are then not written
   * @throws IllegalArgumentException for another format or length
   */
  public static int quantize(
      BlockFormat format, MemorySegment out, long outOffset, float[] in, int inOffset, int count) {
    int blocks = format.blocks(count);
    int length = format.elements();
    for (int b = 0; b < blocks; b++) {
      int from = inOffset + b * length;
      long at = outOffset + (long) b * format.bytes();
      boolean good =
          switch (format) {
            case Q8_0 -> q8(out, at, in, from);
            case Q4_0 -> q4(out, at, in, from);
            case Q4_K, Q5_K, Q6_K ->
                throw new IllegalArgumentException(
                    "format: " + format + " can be read only, needed Q8_0 or Q4_0");
          };
      if (!good) {
        return b * length + largest(in, from, length) - from;
      }
    }
    return -1;
  }

  private static boolean q8(MemorySegment out, long at, float[] in, int from) {
    float scale = q8Scale(in, from, 32);
    short stored = Float.floatToFloat16(scale);
    if (!finite(stored)) {
      return false;
    }
    float inverse = inverse(scale);
    out.set(SHORT, at, stored);
    for (int i = 0; i < 32; i++) {
      out.set(ValueLayout.JAVA_BYTE, at + 2 + i, q8Code(in[from + i], inverse));
    }
    return true;
  }

  /** The scale of {@code length} elements, before fp16 rounds it. */
  static float q8Scale(float[] in, int from, int length) {
    return Math.abs(in[largest(in, from, length)]) / 127;
  }

  /** The code of an element beside 1 / scale. */
  static byte q8Code(float x, float inverse) {
    float scaled = x * inverse;
    return (byte) (scaled + Math.copySign(0.5, scaled));
  }

  private static boolean q4(MemorySegment out, long at, float[] in, int from) {
    float scale = (in[largest(in, from, 32)] + 0f) / -8; // all zeros, of either sign, give -0
    short stored = Float.floatToFloat16(scale);
    if (!finite(stored)) {
      return false;
    }
    float inverse = inverse(scale);
    float middle = scale != 0 && inverse == 0 ? 0 : 8.5f;
    out.set(SHORT, at, stored);
    for (int i = 0; i < 16; i++) {
      int low = Math.min(15, (int) (in[from + i] * inverse + middle));
      int high = Math.min(15, (int) (in[from + 16 + i] * inverse + middle));
      out.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) (low | high << 4));
    }
    return true;
  }

  /** Where the first element of largest magnitude is; the first NaN counts as larger than all. */
  private static int largest(float[] in, int from, int length) {
    int place = from;
    float largest = 0;
    for (int i = from; i < from + length; i++) {
      float magnitude = Math.abs(in[i]);
      if (Float.isNaN(magnitude)) {
        return i;
      }
      if (magnitude > largest) {
        largest = magnitude;
        place = i;
      }
    }
    return place;
  }

  private static boolean finite(short half) {
    return (half & 0x7C00) != 0x7C00;
  }

  /**
   * 1/d. A subnormal d has an infinite one, whose products C leaves undefined (x86 makes them code
   * 0); its fp16 is zero, so any code stands for zero.
   */
  static float inverse(float scale) {
    float inverse = 1 / scale;
    return Float.isInfinite(inverse) ? 0 : inverse;
  }
}
