package dev.eeve.kernels;

/** Buffers of one thread, grown on first need and kept, so that calls allocate nothing. */
final class Scratch {
  private final float[][] buffers = new float[Use.values().length][0];

  /** What a buffer is for; one thread may use each of them at the same time. */
  enum Use {
    WEIGHTS,
    PRODUCT,
    QUERIES,
    KEYS,
    VALUES,
    SCORES,
    PROBABILITIES,
    OUTPUT,
    RUNNING,
    LINE,
    SUMS
  }

  /** At least {@code size} floats of unknown content. */
  float[] floats(Use use, int size) {
    float[] buffer = buffers[use.ordinal()];
    if (buffer.length < size) {
      buffer = new float[size];
      buffers[use.ordinal()] = buffer;
    }
    return buffer;
  }
}
