package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Vector twins of element by element operations; each returns how many elements it did. */
final class VectorElementwise {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;

  private VectorElementwise() {}

  static int gelu(float[] out, int outAt, float[] in, int inAt, int count) {
    int bound = FLOATS.loopBound(count);
    FloatVector cube = FloatVector.broadcast(FLOATS, Gelu.CUBE);
    FloatVector scale = FloatVector.broadcast(FLOATS, Gelu.SCALE);
    for (int i = 0; i < bound; i += FLOATS.length()) {
      FloatVector x = FloatVector.fromArray(FLOATS, in, inAt + i);
      FloatVector t = x.mul(x.mul(x).fma(cube, scale));
      x.div(VectorExponential.exp(t).add(1f)).intoArray(out, outAt + i);
    }
    return bound;
  }

  /** {@code p = e^(s − max)}, in place. */
  static int expMinus(float[] scores, int at, int count, float max) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += FLOATS.length()) {
      VectorExponential.exp(FloatVector.fromArray(FLOATS, scores, at + i).sub(max))
          .intoArray(scores, at + i);
    }
    return bound;
  }
}
