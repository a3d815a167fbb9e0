package dev.eeve.kernels;

import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The species every vector kernel uses. Touched only when the vector module is present. */
final class Lanes {
  static final VectorSpecies<Float> FLOATS;
  static final VectorSpecies<Integer> INTS;

  static {
    VectorShape shape = VectorShape.forBitSize(Simd.bits());
    FLOATS = VectorSpecies.of(float.class, shape);
    INTS = VectorSpecies.of(int.class, shape);
  }

  private Lanes() {}
}
