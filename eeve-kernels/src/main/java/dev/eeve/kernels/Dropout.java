package dev.eeve.kernels;

/**
 * {@code out = in / (1 − p)} with probability 1 − p, else 0 (Srivastava et al., 2014). Whether an
 * element stays depends on the seed and its index alone: the backward pass, and a forward pass done
 * again, make the same choice without a stored mask.
 */
public final class Dropout {
  private Dropout() {}

  /**
   * Drops elements.
   *
   * @param workers the caller's threads
   * @param out (R, C), overwritten; may be {@code in}
   * @param in (R, C), read
   * @param probability p of dropping an element, 0 to less than 1
   * @param seed of the choice
   */
  public static void forward(
      Workers workers, FloatMatrix out, FloatMatrix in, double probability, long seed) {
    in.require("in", out.rows(), out.columns());
    if (!(probability >= 0 && probability < 1)) {
      throw new IllegalArgumentException(
          "probability: " + probability + ", needed 0 to less than 1");
    }
    workers.dropoutJob.run(workers, out, in, probability, seed);
  }

  /**
   * Sends a gradient back through the elements that stayed.
   *
   * @param workers the caller's threads
   * @param dIn (R, C), overwritten; may be {@code dOut}
   * @param dOut (R, C), read
   * @param probability the forward's
   * @param seed the forward's
   */
  public static void backward(
      Workers workers, FloatMatrix dIn, FloatMatrix dOut, double probability, long seed) {
    dOut.require("dOut", dIn.rows(), dIn.columns());
    forward(workers, dIn, dOut, probability, seed);
  }

  /** MurmurHash3's finalizer (Appleby): every bit of the input reaches every bit of the output. */
  private static int mix(int x) {
    x = (x ^ x >>> 16) * 0x85EBCA6B;
    x = (x ^ x >>> 13) * 0xC2B2AE35;
    return x ^ x >>> 16;
  }

  /** One unit is a chunk of elements. */
  static final class DropoutJob extends Job {
    private static final int CHUNK = 4096;

    private FloatMatrix out;
    private FloatMatrix in;
    private float scale;
    private int threshold;
    private int low;
    private int high;

    void run(Workers workers, FloatMatrix out, FloatMatrix in, double probability, long seed) {
      this.out = out;
      this.in = in;
      scale = (float) (1 / (1 - probability));
      threshold = (int) Math.round(probability * 0x1p30);
      low = mix((int) seed);
      high = mix((int) (seed >>> 32) + 0x9E3779B9);
      workers.run(this, (out.rows() * out.columns() + CHUNK - 1) / CHUNK);
      this.out = null;
      this.in = null;
    }

    @Override
    void run(int unit, Scratch scratch) {
      int from = unit * CHUNK;
      int count = Math.min(CHUNK, out.rows() * out.columns() - from);
      drop(out.data(), out.offset() + from, in.data(), in.offset() + from, from, count);
    }

    private void drop(float[] to, int toAt, float[] x, int xAt, int index, int count) {
      for (int i = 0; i < count; i++) {
        int random = mix(mix(index + i + low) + high) >>> 2;
        to[toAt + i] = random < threshold ? 0f : x[xAt + i] * scale;
      }
    }
  }
}
