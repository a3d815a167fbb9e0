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

  /** The numbers of codes times a scale, as many as a multiple of 16. */
  static void decode(
      DynamicCode code, float[] values, int at, int[] codes, int count, float scale) {
    float[] steps = code.steps;
    float[] bases = code.bases;
    int[] firsts = code.firsts;
    for (int i = 0; i < count; i += LANES) {
      IntVector all = IntVector.fromArray(INTS, codes, i);
      IntVector c = all.and(code.top);
      FloatVector step = FloatVector.broadcast(FLOATS, steps[0]);
      FloatVector base = FloatVector.broadcast(FLOATS, bases[0]);
      VectorMask<Float> past = c.compare(VectorOperators.GE, firsts[1]).cast(FLOATS);
      step = step.blend(steps[1], past);
      base = base.blend(bases[1], past);
      past = c.compare(VectorOperators.GE, firsts[2]).cast(FLOATS);
      step = step.blend(steps[2], past);
      base = base.blend(bases[2], past);
      past = c.compare(VectorOperators.GE, firsts[3]).cast(FLOATS);
      step = step.blend(steps[3], past);
      base = base.blend(bases[3], past);
      past = c.compare(VectorOperators.GE, firsts[4]).cast(FLOATS);
      step = step.blend(steps[4], past);
      base = base.blend(bases[4], past);
      past = c.compare(VectorOperators.GE, firsts[5]).cast(FLOATS);
      step = step.blend(steps[5], past);
      base = base.blend(bases[5], past);
      past = c.compare(VectorOperators.GE, firsts[6]).cast(FLOATS);
      step = step.blend(steps[6], past);
      base = base.blend(bases[6], past);
      FloatVector x = ((FloatVector) c.convert(VectorOperators.I2F, 0)).fma(step, base);
      x = x.blend(0f, c.compare(VectorOperators.EQ, 0).cast(FLOATS));
      x = x.blend(1f, c.compare(VectorOperators.EQ, code.top).cast(FLOATS));
      IntVector sign = all.sub(c).lanewise(VectorOperators.LSHL, 24);
      x.reinterpretAsInts().or(sign).reinterpretAsFloats().mul(scale).intoArray(values, at + i);
    }
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
