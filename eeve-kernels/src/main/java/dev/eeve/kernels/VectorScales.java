package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The fp16 scales of block types as fp32, exactly. */
final class VectorScales {
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = INTS.length();

  /** As many shorts as there are floats. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * 16));

  private VectorScales() {}

  /**
   * Widens the scales of some weight rows.
   *
   * @param scales from {@code to}, {@code width} a block of which the first {@code rows} are
   *     overwritten
   * @param at those of the first block, from the first of the rows
   * @param step bytes from a block's scales to the next's
   * @param rows a multiple of the lanes
   */
  static void widen(
      float[] scales,
      int to,
      int width,
      MemorySegment memory,
      long at,
      long step,
      int rows,
      int blocks) {
    for (int b = 0; b < blocks; b++) {
      for (int c = 0; c < rows; c += LANES) {
        ((IntVector)
                ShortVector.fromMemorySegment(
                        SHORTS, memory, at + b * step + c * 2L, ByteOrder.LITTLE_ENDIAN)
                    .convertShape(VectorOperators.S2I, INTS, 0))
            .lanewise(VectorOperators.LSHL, 13)
            .and(VectorProduct.F16_BITS)
            .reinterpretAsFloats()
            .mul(VectorProduct.F16_SCALE)
            .intoArray(scales, to + b * width + c);
      }
    }
  }
}
