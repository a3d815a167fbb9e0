package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The vector loops of {@link MachineLimits}. */
final class VectorLimits {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = INTS.vectorByteSize();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorLimits() {}

  /**
   * {@code steps} multiply-adds on each of 10 vectors of sums, in place. The sum is the addend: as
   * a factor it costs moves.
   */
  static void fma(float[] sums, int steps, float first, float second) {
    FloatVector x = FloatVector.broadcast(FLOATS, first);
    FloatVector y = FloatVector.broadcast(FLOATS, second);
    FloatVector a0 = FloatVector.fromArray(FLOATS, sums, 0);
    FloatVector a1 = FloatVector.fromArray(FLOATS, sums, 1 * LANES);
    FloatVector a2 = FloatVector.fromArray(FLOATS, sums, 2 * LANES);
    FloatVector a3 = FloatVector.fromArray(FLOATS, sums, 3 * LANES);
    FloatVector a4 = FloatVector.fromArray(FLOATS, sums, 4 * LANES);
    FloatVector a5 = FloatVector.fromArray(FLOATS, sums, 5 * LANES);
    FloatVector a6 = FloatVector.fromArray(FLOATS, sums, 6 * LANES);
    FloatVector a7 = FloatVector.fromArray(FLOATS, sums, 7 * LANES);
    FloatVector a8 = FloatVector.fromArray(FLOATS, sums, 8 * LANES);
    FloatVector a9 = FloatVector.fromArray(FLOATS, sums, 9 * LANES);
    for (int i = 0; i < steps; i++) {
      a0 = x.fma(y, a0);
      a1 = x.fma(y, a1);
      a2 = x.fma(y, a2);
      a3 = x.fma(y, a3);
      a4 = x.fma(y, a4);
      a5 = x.fma(y, a5);
      a6 = x.fma(y, a6);
      a7 = x.fma(y, a7);
      a8 = x.fma(y, a8);
      a9 = x.fma(y, a9);
    }
    a0.intoArray(sums, 0);
    a1.intoArray(sums, 1 * LANES);
    a2.intoArray(sums, 2 * LANES);
    a3.intoArray(sums, 3 * LANES);
    a4.intoArray(sums, 4 * LANES);
    a5.intoArray(sums, 5 * LANES);
    a6.intoArray(sums, 6 * LANES);
    a7.intoArray(sums, 7 * LANES);
    a8.intoArray(sums, 8 * LANES);
    a9.intoArray(sums, 9 * LANES);
  }

  /** Reads {@code bytes} bytes, a multiple of four vectors, front to back. */
  static int readOne(MemorySegment memory, long from, int bytes) {
    IntVector a = IntVector.zero(INTS);
    IntVector b = a;
    IntVector c = a;
    IntVector d = a;
    for (int i = 0; i < bytes; i += 4 * BYTES) {
      long at = from + i;
      a = a.add(IntVector.fromMemorySegment(INTS, memory, at, ORDER));
      b = b.add(IntVector.fromMemorySegment(INTS, memory, at + BYTES, ORDER));
      c = c.add(IntVector.fromMemorySegment(INTS, memory, at + 2 * BYTES, ORDER));
      d = d.add(IntVector.fromMemorySegment(INTS, memory, at + 3 * BYTES, ORDER));
    }
    return a.add(b).add(c).add(d).reduceLanes(VectorOperators.ADD);
  }

  /**
   * Reads four neighbouring runs of {@code bytes} bytes, each a multiple of four vectors, at once.
   */
  static int readFour(MemorySegment memory, long from, int bytes) {
    IntVector a = IntVector.zero(INTS);
    IntVector b = a;
    IntVector c = a;
    IntVector d = a;
    for (int i = 0; i < bytes; i += 2 * BYTES) {
      long at = from + i;
      a = a.add(IntVector.fromMemorySegment(INTS, memory, at, ORDER));
      b = b.add(IntVector.fromMemorySegment(INTS, memory, at + BYTES, ORDER));
      at += bytes;
      c = c.add(IntVector.fromMemorySegment(INTS, memory, at, ORDER));
      d = d.add(IntVector.fromMemorySegment(INTS, memory, at + BYTES, ORDER));
      at += bytes;
      a = a.add(IntVector.fromMemorySegment(INTS, memory, at, ORDER));
      b = b.add(IntVector.fromMemorySegment(INTS, memory, at + BYTES, ORDER));
      at += bytes;
      c = c.add(IntVector.fromMemorySegment(INTS, memory, at, ORDER));
      d = d.add(IntVector.fromMemorySegment(INTS, memory, at + BYTES, ORDER));
    }
    return a.add(b).add(c).add(d).reduceLanes(VectorOperators.ADD);
  }
}
