package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Vector twin of {@link AdamW}. */
final class VectorAdamW {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

  private VectorAdamW() {}

  /** Updates whole vectors from a byte offset on; returns how many elements it did. */
  static int step(AdamW.StepJob s, long from, int count) {
    MemorySegment parameter = s.parameter;
    MemorySegment firstMoment = s.firstMoment;
    MemorySegment secondMoment = s.secondMoment;
    MemorySegment gradient = s.gradient;
    FloatVector keep1 = FloatVector.broadcast(FLOATS, s.keep1);
    FloatVector keep2 = FloatVector.broadcast(FLOATS, s.keep2);
    FloatVector rootScale = FloatVector.broadcast(FLOATS, s.rootScale);
    FloatVector epsilon = FloatVector.broadcast(FLOATS, s.epsilon);
    FloatVector rate = FloatVector.broadcast(FLOATS, s.negativeRate);
    float scale = s.scale;
    float take1 = s.take1;
    float take2 = s.take2;
    float shrink = s.shrink;
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += FLOATS.length()) {
      long at = from + (long) i * 4;
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, gradient, at, LITTLE).mul(scale);
      FloatVector m =
          FloatVector.fromMemorySegment(FLOATS, firstMoment, at, LITTLE).fma(keep1, g.mul(take1));
      FloatVector v =
          FloatVector.fromMemorySegment(FLOATS, secondMoment, at, LITTLE)
              .fma(keep2, g.mul(take2).mul(g));
      m.intoMemorySegment(firstMoment, at, LITTLE);
      v.intoMemorySegment(secondMoment, at, LITTLE);
      FloatVector root = v.sqrt().fma(rootScale, epsilon);
      FloatVector p = FloatVector.fromMemorySegment(FLOATS, parameter, at, LITTLE).mul(shrink);
      m.div(root).fma(rate, p).intoMemorySegment(parameter, at, LITTLE);
    }
    return bound;
  }
}
