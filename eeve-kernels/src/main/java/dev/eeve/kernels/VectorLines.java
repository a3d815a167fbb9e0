package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Copies lines of an F32 panel, which lie in four streams, to an array and back. */
final class VectorLines {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int LINE = ROWS * Float.BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private VectorLines() {}

  /**
   * Lines {@code first … first + count} of a panel, side by side.
   *
   * @param first a multiple of 4
   */
  static void load(float[] target, Weights weights, int panel, int first, int count) {
    MemorySegment memory = weights.memory;
    long at = weights.line(panel, first);
    for (int k = 0; k < count; k++) {
      long line = at + (k & 3) * weights.streamStride + (long) (k >> 2) * LINE;
      for (int c = 0; c < ROWS; c += LANES) {
        FloatVector.fromMemorySegment(FLOATS, memory, line + c * 4L, ORDER)
            .intoArray(target, k * ROWS + c);
      }
    }
  }

  /** The way back. */
  static void store(float[] source, Weights weights, int panel, int first, int count) {
    MemorySegment memory = weights.memory;
    long at = weights.line(panel, first);
    for (int k = 0; k < count; k++) {
      long line = at + (k & 3) * weights.streamStride + (long) (k >> 2) * LINE;
      for (int c = 0; c < ROWS; c += LANES) {
        FloatVector.fromArray(FLOATS, source, k * ROWS + c)
            .intoMemorySegment(memory, line + c * 4L, ORDER);
      }
    }
  }
}
