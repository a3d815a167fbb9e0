package dev.eeve.kernels;

import static dev.eeve.kernels.Exponential.LN2_HIGH;
import static dev.eeve.kernels.Exponential.LN2_LOW;
import static dev.eeve.kernels.Exponential.LOG2_E;
import static dev.eeve.kernels.Exponential.MAX;
import static dev.eeve.kernels.Exponential.MIN;
import static dev.eeve.kernels.Exponential.P0;
import static dev.eeve.kernels.Exponential.P1;
import static dev.eeve.kernels.Exponential.P2;
import static dev.eeve.kernels.Exponential.P3;
import static dev.eeve.kernels.Exponential.P4;
import static dev.eeve.kernels.Exponential.P5;
import static dev.eeve.kernels.Exponential.ROUND;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** The vector twin of {@link Exponential}. */
final class VectorExponential {
  private VectorExponential() {}

  static FloatVector exp(FloatVector x) {
    FloatVector y = x.min(MAX);
    FloatVector rounded =
        y.fma(
            FloatVector.broadcast(Lanes.FLOATS, LOG2_E),
            FloatVector.broadcast(Lanes.FLOATS, ROUND));
    FloatVector n = rounded.sub(ROUND);
    FloatVector r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_HIGH), y);
    r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_LOW), r);
    FloatVector p =
        r.fma(FloatVector.broadcast(Lanes.FLOATS, P0), FloatVector.broadcast(Lanes.FLOATS, P1));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P2));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P3));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P4));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P5));
    p = p.fma(r.mul(r), r).add(1f);
    FloatVector result =
        p.reinterpretAsInts()
            .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
            .reinterpretAsFloats();
    return result.blend(0f, x.compare(VectorOperators.LT, MIN));
  }

  /**
   * {@code x = e^(x − max)}, in place: {@link #exp} written out. A call that C2 takes for cold,
   * because it compiles the caller before this loop has been counted, would stay a call, and each
   * of its vectors be allocated.
   *
   * @return how many elements, whole vectors of them
   */
  static int expMinus(float[] values, int at, int count, float max) {
    int bound = Lanes.FLOATS.loopBound(count);
    for (int i = at; i < at + bound; i += Lanes.FLOATS.length()) {
      FloatVector x = FloatVector.fromArray(Lanes.FLOATS, values, i).sub(max);
      FloatVector y = x.min(MAX);
      FloatVector rounded =
          y.fma(
              FloatVector.broadcast(Lanes.FLOATS, LOG2_E),
              FloatVector.broadcast(Lanes.FLOATS, ROUND));
      FloatVector n = rounded.sub(ROUND);
      FloatVector r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_HIGH), y);
      r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_LOW), r);
      FloatVector p =
          r.fma(FloatVector.broadcast(Lanes.FLOATS, P0), FloatVector.broadcast(Lanes.FLOATS, P1));
      p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P2));
      p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P3));
      p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P4));
      p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P5));
      p = p.fma(r.mul(r), r).add(1f);
      p.reinterpretAsInts()
          .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
          .reinterpretAsFloats()
          .blend(0f, x.compare(VectorOperators.LT, MIN))
          .intoArray(values, i);
    }
    return bound;
  }
}
