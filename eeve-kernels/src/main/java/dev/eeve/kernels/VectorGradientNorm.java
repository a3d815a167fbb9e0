package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vector twin of {@link GradientNorm}: its eight sums are the lanes of one vector of doubles, or of
 * two or four. The square of a float is exact in double, so a fused multiply-add rounds as the
 * specification's multiplication and addition do.
 */
final class VectorGradientNorm {
  private static final VectorSpecies<Double> DOUBLES =
      VectorSpecies.of(double.class, Lanes.FLOATS.vectorShape());
  private static final int LANES = DOUBLES.length();
  private static final int SUMS = 8;

  /** As many floats as there are lanes of a vector of doubles, or the fewest a vector can have. */
  private static final VectorSpecies<Float> FLOATS =
      LANES == 8 ? FloatVector.SPECIES_256 : FloatVector.SPECIES_128;

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorGradientNorm() {}

  /**
   * Sums of squares of {@code count} floats, a multiple of 8.
   *
   * @param sums 8, overwritten
   */
  static void sums(double[] sums, MemorySegment values, long from, int count) {
    switch (LANES) {
      case 8 -> eight(sums, values, from, count);
      case 4 -> {
        for (int lane = 0; lane < SUMS; lane += 4) {
          part(sums, lane, 0, values, from + 4L * lane, count / SUMS);
        }
      }
      default -> {
        for (int lane = 0; lane < SUMS; lane += 4) {
          part(sums, lane, 0, values, from + 4L * lane, count / SUMS);
          part(sums, lane + 2, 1, values, from + 4L * lane, count / SUMS);
        }
      }
    }
  }

  private static void eight(double[] sums, MemorySegment values, long from, int count) {
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    for (int i = 0; i < count; i += SUMS) {
      DoubleVector x =
          (DoubleVector)
              FloatVector.fromMemorySegment(FLOATS, values, from + 4L * i, ORDER)
                  .convertShape(VectorOperators.F2D, DOUBLES, 0);
      sum = x.fma(x, sum);
    }
    sum.intoArray(sums, 0);
  }

  /** The lanes of one vector, of every eighth float. */
  private static void part(
      double[] sums, int lane, int half, MemorySegment values, long from, int steps) {
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    for (int i = 0; i < steps; i++) {
      DoubleVector x =
          (DoubleVector)
              FloatVector.fromMemorySegment(FLOATS, values, from + 4L * SUMS * i, ORDER)
                  .convertShape(VectorOperators.F2D, DOUBLES, half);
      sum = x.fma(x, sum);
    }
    sum.intoArray(sums, lane);
  }
}
