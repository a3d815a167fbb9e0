package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector twin of {@link ScalarProduct} for one input row and vectors of 512 bits; shorter ones
 * take {@link VectorLineStreams}. A lane is a weight row.
 */
final class VectorProduct {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int HALF = ROWS / 2;
  private static final int STEP = Weights.LINE_BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Sign, exponent and fraction of an F16 shifted right by 3 with its sign smeared. */
  static final int F16_BITS = 0x8FFFE000;

  /** 2^112, the difference of the exponent biases; exact, subnormals included. */
  static final float F16_SCALE = 0x1p112f;

  /** From here on a value times {@link #F16_SCALE} is past the largest float. */
  static final float F16_LIMIT = 0x1p16f;

  private VectorProduct() {}

  /** Panels that one input row meets at once: those of a 16-bit line. */
  static final int PANELS = 2;

  /**
   * Adds features {@code from … to} of one input row to the outputs of {@link #PANELS} panels.
   *
   * @param y 32 running sums a panel, at {@code first} and {@code second}, added to
   * @param x the row; for F16 weights times {@link #F16_SCALE}, which is exact
   * @param panel the first panel
   * @param other the second panel; may be the first again, where it is the last
   * @param line room for 32 floats
   */
  static void addFeatures(
      float[] y,
      int first,
      int second,
      float[] x,
      int xOffset,
      Weights weight,
      int panel,
      int other,
      int from,
      int to,
      float[] line) {
    int pairs = (to - from) / 2;
    long at = weight.line(panel, from);
    long gap = weight.line(other, from) - at;
    MemorySegment w = weight.memory;
    int xAt = xOffset + from;
    switch (weight.type()) {
      case F32 -> {
        addF32(y, first, x, xAt, w, at, pairs);
        addF32(y, second, x, xAt, w, at + gap, pairs);
      }
      case BF16 -> addBf16(y, first, second, x, xAt, w, at, gap, pairs);
      case F16 -> addF16(y, first, second, x, xAt, w, at, gap, pairs);
      case Q8_0, Q4_0 -> throw new IllegalStateException("blocks are BlockProduct's work");
    }
    if ((to - from) % 2 != 0) {
      addLastFeature(y, first, second, x, xOffset, weight, panel, other, to - 1, line);
    }
  }

  /** The feature that has no partner. */
  private static void addLastFeature(
      float[] y,
      int first,
      int second,
      float[] x,
      int xOffset,
      Weights weight,
      int panel,
      int other,
      int k,
      float[] line) {
    float value = x[xOffset + k];
    if (weight.type() == ElementType.F16) {
      value /= F16_SCALE;
    }
    ScalarProduct.addFeature(y, first, value, weight, panel, k, line);
    ScalarProduct.addFeature(y, second, value, weight, other, k, line);
  }

  /**
   * Multiplies rows by {@link #F16_SCALE}.
   *
   * @param target overwritten; may be {@code row} itself, in the same place
   * @return whether all products are finite; else nothing can be said of them
   */
  static boolean scale(float[] target, int targetAt, float[] row, int at, int count) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      float value = row[at + i];
      target[targetAt + i] = value * F16_SCALE;
      largest = Math.max(largest, Math.abs(value));
    }
    return largest < F16_LIMIT;
  }

  private static void addF32(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, int pairs) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + 1 * LANES);
    for (int i = 0; i < pairs; i++) {
      long line = panel + i * 2L * STEP;
      int k = xAt + i * 2;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line, ORDER).fma(value, y0);
      y1 = FloatVector.fromMemorySegment(FLOATS, w, line + 1 * BYTES, ORDER).fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + STEP, ORDER).fma(value, y0);
      y1 = FloatVector.fromMemorySegment(FLOATS, w, line + STEP + 1 * BYTES, ORDER).fma(value, y1);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + 1 * LANES);
  }

  private static void addBf16(
      float[] y,
      int first,
      int second,
      float[] x,
      int xAt,
      MemorySegment w,
      long panel,
      long gap,
      int pairs) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, first);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, first + HALF);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, second);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, second + HALF);
    for (int i = 0; i < pairs; i++) {
      long line = panel + i * 2L * STEP;
      int k = xAt + i * 2;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      FloatVector next = FloatVector.broadcast(FLOATS, x[k + 1]);
      IntVector v = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      y0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y1 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
      v = IntVector.fromMemorySegment(INTS, w, line + STEP, ORDER);
      y0 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(next, y0);
      y1 = v.and(0xFFFF0000).reinterpretAsFloats().fma(next, y1);
      v = IntVector.fromMemorySegment(INTS, w, line + gap, ORDER);
      y2 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y2);
      y3 = v.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
      v = IntVector.fromMemorySegment(INTS, w, line + gap + STEP, ORDER);
      y2 = v.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(next, y2);
      y3 = v.and(0xFFFF0000).reinterpretAsFloats().fma(next, y3);
    }
    y0.intoArray(y, first);
    y1.intoArray(y, first + HALF);
    y2.intoArray(y, second);
    y3.intoArray(y, second + HALF);
  }

  private static void addF16(
      float[] y,
      int first,
      int second,
      float[] x,
      int xAt,
      MemorySegment w,
      long panel,
      long gap,
      int pairs) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, first);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, first + HALF);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, second);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, second + HALF);
    for (int i = 0; i < pairs; i++) {
      long line = panel + i * 2L * STEP;
      int k = xAt + i * 2;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      FloatVector next = FloatVector.broadcast(FLOATS, x[k + 1]);
      IntVector v = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      y0 =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .fma(value, y0);
      y1 = v.lanewise(VectorOperators.ASHR, 3).and(F16_BITS).reinterpretAsFloats().fma(value, y1);
      v = IntVector.fromMemorySegment(INTS, w, line + STEP, ORDER);
      y0 =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .fma(next, y0);
      y1 = v.lanewise(VectorOperators.ASHR, 3).and(F16_BITS).reinterpretAsFloats().fma(next, y1);
      v = IntVector.fromMemorySegment(INTS, w, line + gap, ORDER);
      y2 =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .fma(value, y2);
      y3 = v.lanewise(VectorOperators.ASHR, 3).and(F16_BITS).reinterpretAsFloats().fma(value, y3);
      v = IntVector.fromMemorySegment(INTS, w, line + gap + STEP, ORDER);
      y2 =
          v.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .fma(next, y2);
      y3 = v.lanewise(VectorOperators.ASHR, 3).and(F16_BITS).reinterpretAsFloats().fma(next, y3);
    }
    y0.intoArray(y, first);
    y1.intoArray(y, first + HALF);
    y2.intoArray(y, second);
    y3.intoArray(y, second + HALF);
  }
}
