package dev.eeve.kernels;

/**
 * gelu_new, {@code 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))}, computed as the same function
 * {@code x / (1 + e^(−2√(2/π) (x + 0.044715 x³)))}, which does not cancel (Hendrycks and Gimpel,
 * 2016; transformers' NewGELUActivation).
 */
public final class Gelu {
  /** −2 √(2/π). */
  static final float SCALE = -1.5957691216f;

  /** −2 √(2/π) · 0.044715. */
  static final float CUBE = -0.0713548162726f;

  private Gelu() {}

  /**
   * Applies the function to each element.
   *
   * @param workers the caller's threads
   * @param out (R, F), overwritten; may be {@code in}
   * @param in (R, F), read
   */
  public static void forward(Workers workers, FloatMatrix out, FloatMatrix in) {
    in.require("in", out.rows(), out.columns());
    workers.elementwiseJob.run(workers, Elementwise.Operation.GELU, out, in, in);
  }

  static void scalar(float[] out, int outAt, float[] in, int inAt, int count) {
    for (int i = 0; i < count; i++) {
      float x = in[inAt + i];
      float t = x * Math.fma(x * x, CUBE, SCALE);
      out[outAt + i] = x / (1f + Exponential.exp(t));
    }
  }
}
