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
 *
 * <p>Floats are read in vectors of the one length that every kernel uses: once a second length has
 * been seen in a JVM, C2 leaves the methods of vectors out of line everywhere.
 */
final class VectorGradientNorm {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Double> DOUBLES =
      VectorSpecies.of(double.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  private static final int HALF = LANES / 2;
  private static final int SUMS = 8;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorGradientNorm() {}

  /**
   * Sums of squares of {@code count} floats, a multiple of 16.
   *
   * @param sums 8, overwritten
   */
  static void sums(double[] sums, MemorySegment values, long from, int count) {
    if (HALF == SUMS) {
      wide(sums, values, from, count);
      return;
    }
    for (int lane = 0; lane < SUMS; lane += LANES) {
      narrow(sums, lane, values, from + 4L * lane, count / SUMS);
    }
  }

  /** Both halves of a vector of 16 floats go to the same sums, one after the other. */
  private static void wide(double[] sums, MemorySegment values, long from, int count) {
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    for (int i = 0; i < count; i += LANES) {
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, values, from + 4L * i, ORDER);
      DoubleVector low = (DoubleVector) x.convertShape(VectorOperators.F2D, DOUBLES, 0);
      sum = low.fma(low, sum);
      DoubleVector high = (DoubleVector) x.convertShape(VectorOperators.F2D, DOUBLES, 1);
      sum = high.fma(high, sum);
    }
    sum.intoArray(sums, 0);
  }

  /** The sums that one vector of floats reaches, of every eighth float. */
  private static void narrow(double[] sums, int lane, MemorySegment values, long from, int steps) {
    DoubleVector left = DoubleVector.zero(DOUBLES);
    DoubleVector right = DoubleVector.zero(DOUBLES);
    for (int i = 0; i < steps; i++) {
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, values, from + 4L * SUMS * i, ORDER);
      DoubleVector low = (DoubleVector) x.convertShape(VectorOperators.F2D, DOUBLES, 0);
      left = low.fma(low, left);
      DoubleVector high = (DoubleVector) x.convertShape(VectorOperators.F2D, DOUBLES, 1);
      right = high.fma(high, right);
    }
    left.intoArray(sums, lane);
    right.intoArray(sums, lane + HALF);
  }
}
