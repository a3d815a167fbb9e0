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

  static int geluBackward(
      float[] dIn, int dInAt, float[] dOut, int dOutAt, float[] in, int inAt, int count) {
    int bound = FLOATS.loopBound(count);
    FloatVector cube = FloatVector.broadcast(FLOATS, Gelu.CUBE);
    FloatVector cubeSlope = FloatVector.broadcast(FLOATS, 3f * Gelu.CUBE);
    FloatVector scale = FloatVector.broadcast(FLOATS, Gelu.SCALE);
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    for (int i = 0; i < bound; i += FLOATS.length()) {
      FloatVector x = FloatVector.fromArray(FLOATS, in, inAt + i);
      FloatVector square = x.mul(x);
      FloatVector e = VectorExponential.exp(x.mul(square.fma(cube, scale)));
      FloatVector sigma = one.div(e.add(1f));
      FloatVector slope = square.fma(cubeSlope, scale);
      FloatVector rest = x.mul(sigma).mul(e.mul(sigma));
      FloatVector.fromArray(FLOATS, dOut, dOutAt + i)
          .mul(rest.neg().fma(slope, sigma))
          .intoArray(dIn, dInAt + i);
    }
    return bound;
  }

  /**
   * The largest of all elements; NaN where one is.
   *
   * @param lanes room for one vector
   */
  static float max(float[] x, int at, int count, float[] lanes) {
    int bound = FLOATS.loopBound(count);
    FloatVector largest = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < bound; i += FLOATS.length()) {
      largest = largest.max(FloatVector.fromArray(FLOATS, x, at + i));
    }
    largest.intoArray(lanes, 0);
    for (int half = FLOATS.length() / 2; half > 0; half /= 2) { // Math.max takes long, so no chain
      for (int i = 0; i < half; i++) {
        lanes[i] = Math.max(lanes[i], lanes[i + half]);
      }
    }
    return Math.max(lanes[0], CausalAttention.max(x, at + bound, count - bound));
  }
}
