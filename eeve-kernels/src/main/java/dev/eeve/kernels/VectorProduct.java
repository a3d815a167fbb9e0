package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector twin of {@link ScalarProduct} for one input row and for widening a panel. A lane is a
 * weight row; the four streams of a panel are read side by side.
 */
final class VectorProduct {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * 4;
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int HALF = ROWS / 2;
  private static final int TILE_COLUMNS = VectorTile.COLUMNS;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Sign, exponent and fraction of an F16 shifted right by 3 with its sign smeared. */
  static final int F16_BITS = 0x8FFFE000;

  /** 2^112, the difference of the exponent biases; exact, subnormals included. */
  static final float F16_SCALE = 0x1p112f;

  private VectorProduct() {}

  /**
   * Adds features {@code from … to} of one input row to the 32 outputs of a panel.
   *
   * @param y 32 running sums at {@code yOffset}, added to
   * @param from a multiple of 4
   * @param line room for 32 floats
   */
  static void addFeatures(
      float[] y,
      int yOffset,
      float[] x,
      int xOffset,
      Weights weight,
      int panel,
      int from,
      int to,
      float[] line) {
    int quads = (to - from) / 4;
    long at = weight.line(panel, from);
    long stream = weight.streamStride;
    MemorySegment w = weight.memory;
    int xAt = xOffset + from;
    switch (weight.type()) {
      case F32 -> {
        if (LANES == 16) {
          addF32Single(y, yOffset, x, xAt, w, at, stream, quads);
        } else {
          for (int c = 0; c < ROWS; c += 4 * LANES) {
            addF32Double(y, yOffset + c, x, xAt, w, at + c * 4L, stream, quads);
          }
        }
      }
      case BF16 -> {
        if (LANES == 16) {
          addBf16Single(y, yOffset, x, xAt, w, at, stream, quads);
        } else {
          for (int c = 0; c < HALF; c += 2 * LANES) {
            addBf16Double(y, yOffset + c, x, xAt, w, at + c * 4L, stream, quads);
          }
        }
      }
      case F16 -> {
        if (LANES == 16) {
          addF16Single(y, yOffset, x, xAt, w, at, stream, quads);
        } else {
          for (int c = 0; c < HALF; c += 2 * LANES) {
            addF16Double(y, yOffset + c, x, xAt, w, at + c * 4L, stream, quads);
          }
        }
      }
    }
    ScalarProduct.addFeatures(y, yOffset, x, xOffset, weight, panel, from + quads * 4, to, line);
  }

  /**
   * Widens lines {@code from … to} of a panel into the column blocks a {@link VectorTile} reads:
   * {@code target (32 / COLUMNS, to − from, COLUMNS)} from byte {@code targetAt}, overwritten.
   *
   * @param from a multiple of 4
   */
  static void widen(
      Weights weight, int panel, int from, int to, MemorySegment target, long targetAt) {
    MemorySegment w = weight.memory;
    ElementType type = weight.type();
    int features = to - from;
    int quads = features / Weights.STREAMS;
    long stream = weight.streamStride;
    long line = weight.line(panel, from);
    long at = targetAt;
    for (int i = 0; i < quads; i++, line += Weights.PANEL_ROWS * type.bytes()) {
      widenLine(type, target, at, features, w, line);
      widenLine(type, target, at + VectorTile.LINE, features, w, line + stream);
      widenLine(type, target, at + 2 * VectorTile.LINE, features, w, line + 2 * stream);
      widenLine(type, target, at + 3 * VectorTile.LINE, features, w, line + 3 * stream);
      at += Weights.STREAMS * VectorTile.LINE;
    }
    for (int k = quads * Weights.STREAMS; k < features; k++, line += stream) {
      widenLine(type, target, at, features, w, line);
      at += VectorTile.LINE;
    }
  }

  private static void widenLine(
      ElementType type, MemorySegment target, long at, int features, MemorySegment w, long line) {
    switch (type) {
      case F32 -> widenF32(target, at, features, w, line);
      case BF16 -> widenBf16(target, at, features, w, line);
      case F16 -> widenF16(target, at, features, w, line);
    }
  }

  private static void addF32Double(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, long stream, int quads) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + 1 * LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, at + 2 * LANES);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, at + 3 * LANES);
    for (int i = 0; i < quads; i++) {
      long line = panel + (long) i * 128;
      int k = xAt + i * 4;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line, ORDER).fma(value, y0);
      y1 = FloatVector.fromMemorySegment(FLOATS, w, line + 1 * BYTES, ORDER).fma(value, y1);
      y2 = FloatVector.fromMemorySegment(FLOATS, w, line + 2 * BYTES, ORDER).fma(value, y2);
      y3 = FloatVector.fromMemorySegment(FLOATS, w, line + 3 * BYTES, ORDER).fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + stream, ORDER).fma(value, y0);
      y1 =
          FloatVector.fromMemorySegment(FLOATS, w, line + stream + 1 * BYTES, ORDER).fma(value, y1);
      y2 =
          FloatVector.fromMemorySegment(FLOATS, w, line + stream + 2 * BYTES, ORDER).fma(value, y2);
      y3 =
          FloatVector.fromMemorySegment(FLOATS, w, line + stream + 3 * BYTES, ORDER).fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 2]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + 2 * stream, ORDER).fma(value, y0);
      y1 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 2 * stream + 1 * BYTES, ORDER)
              .fma(value, y1);
      y2 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 2 * stream + 2 * BYTES, ORDER)
              .fma(value, y2);
      y3 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 2 * stream + 3 * BYTES, ORDER)
              .fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 3]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + 3 * stream, ORDER).fma(value, y0);
      y1 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 3 * stream + 1 * BYTES, ORDER)
              .fma(value, y1);
      y2 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 3 * stream + 2 * BYTES, ORDER)
              .fma(value, y2);
      y3 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 3 * stream + 3 * BYTES, ORDER)
              .fma(value, y3);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + 1 * LANES);
    y2.intoArray(y, at + 2 * LANES);
    y3.intoArray(y, at + 3 * LANES);
  }

  private static void addF32Single(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, long stream, int quads) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + 1 * LANES);
    for (int i = 0; i < quads; i++) {
      long line = panel + (long) i * 128;
      int k = xAt + i * 4;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line, ORDER).fma(value, y0);
      y1 = FloatVector.fromMemorySegment(FLOATS, w, line + 1 * BYTES, ORDER).fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + stream, ORDER).fma(value, y0);
      y1 =
          FloatVector.fromMemorySegment(FLOATS, w, line + stream + 1 * BYTES, ORDER).fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 2]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + 2 * stream, ORDER).fma(value, y0);
      y1 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 2 * stream + 1 * BYTES, ORDER)
              .fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 3]);
      y0 = FloatVector.fromMemorySegment(FLOATS, w, line + 3 * stream, ORDER).fma(value, y0);
      y1 =
          FloatVector.fromMemorySegment(FLOATS, w, line + 3 * stream + 1 * BYTES, ORDER)
              .fma(value, y1);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + 1 * LANES);
  }

  private static void addBf16Double(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, long stream, int quads) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, at + HALF);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, at + HALF + LANES);
    for (int i = 0; i < quads; i++) {
      long line = panel + (long) i * 64;
      int k = xAt + i * 4;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      IntVector a = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      IntVector b = IntVector.fromMemorySegment(INTS, w, line + BYTES, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y2 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y2);
      y1 = b.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y1);
      y3 = b.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      a = IntVector.fromMemorySegment(INTS, w, line + stream, ORDER);
      b = IntVector.fromMemorySegment(INTS, w, line + stream + BYTES, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y2 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y2);
      y1 = b.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y1);
      y3 = b.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 2]);
      a = IntVector.fromMemorySegment(INTS, w, line + 2 * stream, ORDER);
      b = IntVector.fromMemorySegment(INTS, w, line + 2 * stream + BYTES, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y2 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y2);
      y1 = b.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y1);
      y3 = b.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 3]);
      a = IntVector.fromMemorySegment(INTS, w, line + 3 * stream, ORDER);
      b = IntVector.fromMemorySegment(INTS, w, line + 3 * stream + BYTES, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y2 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y2);
      y1 = b.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y1);
      y3 = b.and(0xFFFF0000).reinterpretAsFloats().fma(value, y3);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + LANES);
    y2.intoArray(y, at + HALF);
    y3.intoArray(y, at + HALF + LANES);
  }

  private static void addBf16Single(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, long stream, int quads) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + HALF);
    for (int i = 0; i < quads; i++) {
      long line = panel + (long) i * 64;
      int k = xAt + i * 4;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      IntVector a = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y1 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      a = IntVector.fromMemorySegment(INTS, w, line + stream, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y1 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 2]);
      a = IntVector.fromMemorySegment(INTS, w, line + 2 * stream, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y1 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 3]);
      a = IntVector.fromMemorySegment(INTS, w, line + 3 * stream, ORDER);
      y0 = a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats().fma(value, y0);
      y1 = a.and(0xFFFF0000).reinterpretAsFloats().fma(value, y1);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + HALF);
  }

  private static void addF16Double(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, long stream, int quads) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + LANES);
    FloatVector y2 = FloatVector.fromArray(FLOATS, y, at + HALF);
    FloatVector y3 = FloatVector.fromArray(FLOATS, y, at + HALF + LANES);
    for (int i = 0; i < quads; i++) {
      long line = panel + (long) i * 64;
      int k = xAt + i * 4;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      IntVector a = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      IntVector b = IntVector.fromMemorySegment(INTS, w, line + BYTES, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y2 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y2);
      y1 =
          b.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      y3 =
          b.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      a = IntVector.fromMemorySegment(INTS, w, line + stream, ORDER);
      b = IntVector.fromMemorySegment(INTS, w, line + stream + BYTES, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y2 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y2);
      y1 =
          b.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      y3 =
          b.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 2]);
      a = IntVector.fromMemorySegment(INTS, w, line + 2 * stream, ORDER);
      b = IntVector.fromMemorySegment(INTS, w, line + 2 * stream + BYTES, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y2 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y2);
      y1 =
          b.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      y3 =
          b.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y3);
      value = FloatVector.broadcast(FLOATS, x[k + 3]);
      a = IntVector.fromMemorySegment(INTS, w, line + 3 * stream, ORDER);
      b = IntVector.fromMemorySegment(INTS, w, line + 3 * stream + BYTES, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y2 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y2);
      y1 =
          b.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      y3 =
          b.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y3);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + LANES);
    y2.intoArray(y, at + HALF);
    y3.intoArray(y, at + HALF + LANES);
  }

  private static void addF16Single(
      float[] y, int at, float[] x, int xAt, MemorySegment w, long panel, long stream, int quads) {
    FloatVector y0 = FloatVector.fromArray(FLOATS, y, at);
    FloatVector y1 = FloatVector.fromArray(FLOATS, y, at + HALF);
    for (int i = 0; i < quads; i++) {
      long line = panel + (long) i * 64;
      int k = xAt + i * 4;
      FloatVector value = FloatVector.broadcast(FLOATS, x[k]);
      IntVector a = IntVector.fromMemorySegment(INTS, w, line, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y1 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 1]);
      a = IntVector.fromMemorySegment(INTS, w, line + stream, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y1 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 2]);
      a = IntVector.fromMemorySegment(INTS, w, line + 2 * stream, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y1 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
      value = FloatVector.broadcast(FLOATS, x[k + 3]);
      a = IntVector.fromMemorySegment(INTS, w, line + 3 * stream, ORDER);
      y0 =
          a.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y0);
      y1 =
          a.lanewise(VectorOperators.ASHR, 3)
              .and(F16_BITS)
              .reinterpretAsFloats()
              .mul(F16_SCALE)
              .fma(value, y1);
    }
    y0.intoArray(y, at);
    y1.intoArray(y, at + HALF);
  }

  /** Where column {@code c} of a line that starts at {@code at} stands in the column blocks. */
  private static long column(long at, int c, int features) {
    return at + c / TILE_COLUMNS * (long) features * VectorTile.LINE + c % TILE_COLUMNS * 4;
  }

  private static void widenF32(
      MemorySegment target, long at, int features, MemorySegment w, long line) {
    for (int c = 0; c < ROWS; c += LANES) {
      FloatVector.fromMemorySegment(FLOATS, w, line + c * 4L, ORDER)
          .intoMemorySegment(target, column(at, c, features), ORDER);
    }
  }

  private static void widenBf16(
      MemorySegment target, long at, int features, MemorySegment w, long line) {
    for (int c = 0; c < HALF; c += LANES) {
      IntVector v = IntVector.fromMemorySegment(INTS, w, line + c * 4L, ORDER);
      v.lanewise(VectorOperators.LSHL, 16)
          .intoMemorySegment(target, column(at, c, features), ORDER);
      v.and(0xFFFF0000).intoMemorySegment(target, column(at, HALF + c, features), ORDER);
    }
  }

  private static void widenF16(
      MemorySegment target, long at, int features, MemorySegment w, long line) {
    for (int c = 0; c < HALF; c += LANES) {
      IntVector v = IntVector.fromMemorySegment(INTS, w, line + c * 4L, ORDER);
      v.lanewise(VectorOperators.LSHL, 16)
          .lanewise(VectorOperators.ASHR, 3)
          .and(F16_BITS)
          .reinterpretAsFloats()
          .mul(F16_SCALE)
          .intoMemorySegment(target, column(at, c, features), ORDER);
      v.lanewise(VectorOperators.ASHR, 3)
          .and(F16_BITS)
          .reinterpretAsFloats()
          .mul(F16_SCALE)
          .intoMemorySegment(target, column(at, HALF + c, features), ORDER);
    }
  }
}
