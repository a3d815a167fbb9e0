package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Vector twin of {@link AdamW}. */
final class VectorAdamW {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;

  private VectorAdamW() {}

  /** Updates whole vectors; returns how many elements it did. */
  static int step(
      AdamW.StepJob s,
      float[] p,
      int pAt,
      float[] m,
      int mAt,
      float[] v,
      int vAt,
      float[] g,
      int gAt,
      int count) {
    FloatVector keep1 = FloatVector.broadcast(FLOATS, s.keep1);
    FloatVector keep2 = FloatVector.broadcast(FLOATS, s.keep2);
    FloatVector rootScale = FloatVector.broadcast(FLOATS, s.rootScale);
    FloatVector epsilon = FloatVector.broadcast(FLOATS, s.epsilon);
    FloatVector rate = FloatVector.broadcast(FLOATS, s.negativeRate);
    FloatVector scale = FloatVector.broadcast(FLOATS, s.scale);
    FloatVector take1 = FloatVector.broadcast(FLOATS, s.take1);
    FloatVector take2 = FloatVector.broadcast(FLOATS, s.take2);
    FloatVector shrink = FloatVector.broadcast(FLOATS, s.shrink);
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += FLOATS.length()) {
      FloatVector scaled = FloatVector.fromArray(FLOATS, g, gAt + i).mul(scale);
      FloatVector first = FloatVector.fromArray(FLOATS, m, mAt + i).fma(keep1, scaled.mul(take1));
      FloatVector second =
          FloatVector.fromArray(FLOATS, v, vAt + i).fma(keep2, scaled.mul(take2).mul(scaled));
      first.intoArray(m, mAt + i);
      second.intoArray(v, vAt + i);
      FloatVector root = second.sqrt().fma(rootScale, epsilon);
      FloatVector shrunk = FloatVector.fromArray(FLOATS, p, pAt + i).mul(shrink);
      first.div(root).fma(rate, shrunk).intoArray(p, pAt + i);
    }
    return bound;
  }
}
