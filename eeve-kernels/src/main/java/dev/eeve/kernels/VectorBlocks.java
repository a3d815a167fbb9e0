package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Widens lines of the block types to fp32: code times scale, which fp32 holds exactly. */
final class VectorBlocks {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();

  /** Bytes of as many rows as there are lanes, but never less than the shortest vector has. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * 8)));

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int HALF = ROWS / 2;
  private static final int STEP = Weights.LINE_BYTES;
  private static final int COLUMNS = BlockLayout.COLUMNS;
  private static final int TILE = VectorTile.COLUMNS;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorBlocks() {}

  /** See {@link VectorWidening#strip}. */
  static void strip(float[] room, int at, Weights weight, int panel, int first, int width) {
    int k = 0;
    while (k < width) {
      if ((first + k) % COLUMNS != 0 || width - k < COLUMNS) {
        line(room, at, weight, panel, first + k, k, width);
        k++;
        continue;
      }
      MemorySegment w = weight.memory;
      long scales = weight.scales(panel, first + k);
      for (int c = 0; c < ROWS; c += LANES) {
        int to = at + c / TILE * TILE * width + c % TILE + k * TILE;
        if (weight.type() == ElementType.Q8_0) {
          widenQ8(room, to, w, scales, c);
        } else {
          widenQ4(room, to, w, scales, c);
        }
      }
      k += COLUMNS;
    }
  }

  /** A line of a block that the strip holds a part of. */
  private static void line(
      float[] room, int at, Weights weight, int panel, int k, int place, int width) {
    long scales = weight.scales(panel, k);
    long half = weight.line(panel, k);
    for (int j = 0; j < ROWS; j++) {
      int code = BlockLayout.code(weight.type(), weight.memory, half, k, j);
      room[at + j / TILE * TILE * width + j % TILE + place * TILE] =
          code * BlockLayout.scale(weight.memory, scales, j);
    }
  }

  private static void widenQ8(float[] room, int to, MemorySegment w, long scales, int row) {
    IntVector pairs = IntVector.fromMemorySegment(INTS, w, scales + row % HALF * 4L, ORDER);
    FloatVector scale =
        (row < HALF ? pairs.lanewise(VectorOperators.LSHL, 16) : pairs)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .mul(VectorProduct.F16_SCALE);
    int part = row % BYTES.length() / LANES;
    long from = scales + STEP + row / BYTES.length() * BYTES.length();
    for (int i = 0; i < COLUMNS / 2; i++) {
      long line = from + (long) i * STEP;
      ByteVector codes = ByteVector.fromMemorySegment(BYTES, w, line, ORDER);
      ((FloatVector) codes.convertShape(VectorOperators.B2F, FLOATS, part))
          .mul(scale)
          .intoArray(room, to + i * 2 * TILE);
      codes = ByteVector.fromMemorySegment(BYTES, w, line + ROWS, ORDER);
      ((FloatVector) codes.convertShape(VectorOperators.B2F, FLOATS, part))
          .mul(scale)
          .intoArray(room, to + i * 2 * TILE + TILE);
    }
  }

  private static void widenQ4(float[] room, int to, MemorySegment w, long scales, int row) {
    IntVector pairs = IntVector.fromMemorySegment(INTS, w, scales + row % HALF * 4L, ORDER);
    FloatVector scale =
        (row < HALF ? pairs.lanewise(VectorOperators.LSHL, 16) : pairs)
            .lanewise(VectorOperators.ASHR, 3)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .mul(VectorProduct.F16_SCALE);
    int low = row < HALF ? 16 : 0; // what lies above this row's nibbles
    for (int i = 0; i < COLUMNS / 4; i++) {
      long line = scales + (1L + i) * STEP + row % HALF * 4L;
      IntVector v =
          IntVector.fromMemorySegment(INTS, w, line, ORDER).lanewise(VectorOperators.LSHL, low);
      int at = to + i * 4 * TILE;
      nibble(v, 12, scale).intoArray(room, at);
      nibble(v, 8, scale).intoArray(room, at + TILE);
      nibble(v, 4, scale).intoArray(room, at + 2 * TILE);
      nibble(v, 0, scale).intoArray(room, at + 3 * TILE);
    }
  }

  private static FloatVector nibble(IntVector v, int above, FloatVector scale) {
    IntVector code = v.lanewise(VectorOperators.LSHL, above).lanewise(VectorOperators.ASHR, 28);
    return ((FloatVector) code.convert(VectorOperators.I2F, 0)).mul(scale);
  }
}
