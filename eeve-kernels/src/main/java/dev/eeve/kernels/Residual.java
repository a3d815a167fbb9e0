package dev.eeve.kernels;

/** {@code h += a + b}: Phi's parallel residual, attention and feed-forward joining the stream. */
public final class Residual {
  private Residual() {}

  /**
   * Adds two branches to the residual stream.
   *
   * @param workers the caller's threads
   * @param h (R, C), added to
   * @param a (R, C), read
   * @param b (R, C), read
   */
  public static void add(Workers workers, FloatMatrix h, FloatMatrix a, FloatMatrix b) {
    a.require("a", h.rows(), h.columns());
    b.require("b", h.rows(), h.columns());
    workers.elementwiseJob.run(workers, Elementwise.Operation.ADD_TWO, h, a, b);
  }
}
