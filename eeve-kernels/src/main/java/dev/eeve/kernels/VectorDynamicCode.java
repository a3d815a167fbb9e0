package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Vector twin of {@link DynamicCode}. */
final class VectorDynamicCode {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();

  private VectorDynamicCode() {}

  /** The largest magnitude of a number of values that is a multiple of 16. */
  static float largest(float[] values, int at, int count, float[] lanes) {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < count; i += LANES) {
      largest = largest.max(FloatVector.fromArray(FLOATS, values, at + i).abs());
    }
    largest.intoArray(lanes, 0);
    float max = 0;
    for (int i = 0; i < LANES; i++) {
      max = Math.max(max, lanes[i]);
    }
    return max;
  }

  /** Codes of a number of values that is a multiple of 16. */
  static void encode(
      DynamicCode code, int[] codes, float[] values, int at, int count, float inverse) {
    float[] starts = code.starts;
    float[] slopes = code.slopes;
    float[] offsets = code.offsets;
    IntVector least = IntVector.broadcast(INTS, 1);
    for (int i = 0; i < count; i += LANES) {
      FloatVector value = FloatVector.fromArray(FLOATS, values, at + i);
      FloatVector x = value.abs().mul(inverse);
      FloatVector slope = FloatVector.broadcast(FLOATS, slopes[0]);
      FloatVector offset = FloatVector.broadcast(FLOATS, offsets[0]);
      VectorMask<Float> past = x.compare(VectorOperators.GE, starts[1]);
      slope = slope.blend(slopes[1], past);
      offset = offset.blend(offsets[1], past);
      past = x.compare(VectorOperators.GE, starts[2]);
      slope = slope.blend(slopes[2], past);
      offset = offset.blend(offsets[2], past);
      past = x.compare(VectorOperators.GE, starts[3]);
      slope = slope.blend(slopes[3], past);
      offset = offset.blend(offsets[3], past);
      past = x.compare(VectorOperators.GE, starts[4]);
      slope = slope.blend(slopes[4], past);
      offset = offset.blend(offsets[4], past);
      past = x.compare(VectorOperators.GE, starts[5]);
      slope = slope.blend(slopes[5], past);
      offset = offset.blend(offsets[5], past);
      past = x.compare(VectorOperators.GE, starts[6]);
      slope = slope.blend(slopes[6], past);
      offset = offset.blend(offsets[6], past);
      IntVector c =
          ((IntVector) x.fma(slope, offset).convert(VectorOperators.F2I, 0)).min(code.top);
      if (code.signed) {
        c =
            c.or(
                value
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.LSHR, 31)
                    .lanewise(VectorOperators.LSHL, 7));
      } else {
        VectorMask<Integer> some = value.compare(VectorOperators.GT, 0f).cast(INTS);
        c = c.max(least).blend(0, some.not());
      }
      c.intoArray(codes, i);
    }
  }
}
