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

  /**
   * {@code dIn = dOut · gelu′(in)}: with {@code σ = 1 / (1 + e^t)}, the forward's {@code t} and its
   * exponential, {@code gelu′ = σ − x σ (1 − σ) t′}.
   *
   * @param workers the caller's threads
   * @param dIn (R, F), overwritten; may be {@code dOut}
   * @param dOut (R, F), read
   * @param in (R, F), the forward's input, read
   */
  public static void backward(Workers workers, FloatMatrix dIn, FloatMatrix dOut, FloatMatrix in) {
    dOut.require("dOut", dIn.rows(), dIn.columns());
    in.require("in", dIn.rows(), dIn.columns());
    workers.elementwiseJob.run(workers, Elementwise.Operation.GELU_BACKWARD, dIn, dOut, in);
  }

  static void scalarBackward(
      float[] dIn, int dInAt, float[] dOut, int dOutAt, float[] in, int inAt, int count) {
    for (int i = 0; i < count; i++) {
      float x = in[inAt + i];
      float square = x * x;
      float e = Exponential.exp(x * Math.fma(square, CUBE, SCALE));
      float sigma = 1f / (1f + e);
      float slope = Math.fma(square, 3f * CUBE, SCALE);
      float rest = x * sigma * (e * sigma);
      dIn[dInAt + i] = dOut[dOutAt + i] * Math.fma(-rest, slope, sigma);
    }
  }

  static void scalar(float[] out, int outAt, float[] in, int inAt, int count) {
    for (int i = 0; i < count; i++) {
      float x = in[inAt + i];
      float t = x * Math.fma(x * x, CUBE, SCALE);
      out[outAt + i] = x / (1f + Exponential.exp(t));
    }
  }
}
