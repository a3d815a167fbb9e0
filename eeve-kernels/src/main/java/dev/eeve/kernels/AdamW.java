package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One AdamW update (Loshchilov and Hutter, 2019) with decoupled weight decay and bias correction:
 *
 * <pre>
 * g = scale · gradient;  m = β₁ m + (1 − β₁) g;  v = β₂ v + (1 − β₂) g²
 * p = (1 − lr · decay) p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 * </pre>
 *
 * Each element stands alone, in fp32; the constants are computed in double and rounded once. What
 * is not given is not touched: a frozen row has no place here. Padding, where all four are zero,
 * stays zero.
 */
public final class AdamW {
  /** Elements of a unit. */
  private static final int CHUNK = 1 << 14;

  /** Elements copied to an array at once: the four strips stay in the first cache. */
  private static final int STRIP = 1 << 10;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private AdamW() {}

  /**
   * The constants of one update.
   *
   * @param number t, 1 for the first update of these moments
   * @param learningRate lr, 0 or more
   * @param beta1 decay of the first moment, 0 to less than 1
   * @param beta2 decay of the second moment, 0 to less than 1
   * @param epsilon ε, more than 0
   * @param weightDecay decay, 0 or more
   * @param gradientScale what gradients are multiplied with, as clipping asks; 1 for none
   */
  public record Step(
      int number,
      double learningRate,
      double beta1,
      double beta2,
      double epsilon,
      double weightDecay,
      double gradientScale) {
    /** Checks the ranges. */
    public Step {
      check(number >= 1, "number", number, "1 or more");
      check(learningRate >= 0 && learningRate < 1e30, "learningRate", learningRate, "0 or more");
      check(beta1 >= 0 && beta1 < 1, "beta1", beta1, "0 to less than 1");
      check(beta2 >= 0 && beta2 < 1, "beta2", beta2, "0 to less than 1");
      check((float) epsilon > 0 && epsilon < 1e30, "epsilon", epsilon, "more than 0");
      check(weightDecay >= 0 && weightDecay < 1e30, "weightDecay", weightDecay, "0 or more");
      check(
          gradientScale >= 0 && gradientScale < 1e30, "gradientScale", gradientScale, "0 or more");
    }

    private static void check(boolean good, String name, Object found, String needed) {
      if (!good) {
        throw new IllegalArgumentException(name + ": " + found + ", needed " + needed);
      }
    }

    float scale() {
      return (float) gradientScale;
    }

    float keep1() {
      return (float) beta1;
    }

    float take1() {
      return (float) (1 - beta1);
    }

    float keep2() {
      return (float) beta2;
    }

    float take2() {
      return (float) (1 - beta2);
    }

    float shrink() {
      return (float) (1 - learningRate * weightDecay);
    }

    float negativeRate() {
      return (float) (-learningRate / (1 - StrictMath.pow(beta1, number)));
    }

    float rootScale() {
      return (float) (1 / Math.sqrt(1 - StrictMath.pow(beta2, number)));
    }
  }

  /**
   * Updates a matrix.
   *
   * @param workers the caller's threads
   * @param parameter p (N, K), F32, updated
   * @param firstMoment m (N, K), F32, updated
   * @param secondMoment v (N, K), F32, updated
   * @param gradient (N, K), F32, read
   * @param step the constants
   */
  public static void step(
      Workers workers,
      Weights parameter,
      Weights firstMoment,
      Weights secondMoment,
      Weights gradient,
      Step step) {
    require("parameter", parameter, gradient);
    require("firstMoment", firstMoment, gradient);
    require("secondMoment", secondMoment, gradient);
    StepJob job = workers.adamWJob;
    job.parameter = parameter.memory;
    job.firstMoment = firstMoment.memory;
    job.secondMoment = secondMoment.memory;
    job.gradient = gradient.memory;
    job.constants(step);
    workers.run(job, GradientNorm.chunks(gradient, CHUNK));
    job.parameter = job.firstMoment = job.secondMoment = job.gradient = null;
  }

  /**
   * Updates a matrix with 8-bit moments: they are widened, updated as above and narrowed again, and
   * so is a bfloat16 parameter, which is rounded up or down by chance so that small updates are not
   * lost. The same bits at any number of threads.
   *
   * @param workers the caller's threads
   * @param parameter p (N, K), F32 or BF16, updated
   * @param moments m and v (N, K), updated
   * @param gradient (N, K), F32, read
   * @param step the constants
   * @param seed of the rounding: another one for each parameter and update
   * @return false where a BF16 value became infinite or NaN
   */
  public static boolean step(
      Workers workers,
      Weights parameter,
      BlockMoments moments,
      Weights gradient,
      Step step,
      int seed) {
    boolean fits =
        parameter.rows() == gradient.rows()
            && parameter.columns() == gradient.columns()
            && (parameter.type() == ElementType.F32 || parameter.type() == ElementType.BF16)
            && parameter.line(0, 0) % Weights.LINE_BYTES == 0;
    if (!fits) {
      throw new IllegalArgumentException(
          "parameter: %s (%d, %d), needed F32 or BF16 (%d, %d) from a whole line on"
              .formatted(
                  parameter.type(),
                  parameter.rows(),
                  parameter.columns(),
                  gradient.rows(),
                  gradient.columns()));
    }
    if (moments.rows != gradient.rows() || moments.columns != gradient.columns()) {
      throw new IllegalArgumentException(
          "moments: (%d, %d), needed (%d, %d)"
              .formatted(moments.rows, moments.columns, gradient.rows(), gradient.columns()));
    }
    require("gradient", gradient, gradient);
    return workers.blockStepJob.run(workers, parameter, moments, gradient, step, seed);
  }

  private static void require(String name, Weights found, Weights needed) {
    if (found.type() != ElementType.F32
        || needed.type() != ElementType.F32
        || found.rows() != needed.rows()
        || found.columns() != needed.columns()) {
      throw new IllegalArgumentException(
          "%s: %s (%d, %d), needed F32 (%d, %d)"
              .formatted(
                  name,
                  found.type(),
                  found.rows(),
                  found.columns(),
                  needed.rows(),
                  needed.columns()));
    }
  }

  /**
   * Updates elements of a vector, on this thread.
   *
   * @param parameter updated from {@code offset} on
   * @param offset the first trained element
   * @param firstMoment m (n), updated
   * @param secondMoment v (n), updated
   * @param gradient (n), read
   * @param step the constants
   */
  public static void step(
      float[] parameter,
      int offset,
      float[] firstMoment,
      float[] secondMoment,
      float[] gradient,
      Step step) {
    int count = gradient.length;
    if (firstMoment.length != count || secondMoment.length != count) {
      throw new IllegalArgumentException(
          "moments: (%d) and (%d), needed (%d)"
              .formatted(firstMoment.length, secondMoment.length, count));
    }
    if (offset < 0 || offset > parameter.length - count) {
      throw new IllegalArgumentException(
          "parameter: %d from %d, the vector has %d".formatted(count, offset, parameter.length));
    }
    StepJob job = new StepJob();
    job.constants(step);
    job.strip(parameter, offset, firstMoment, 0, secondMoment, 0, gradient, 0, count);
  }

  /** One unit is a chunk of memory. */
  static final class StepJob extends Job {
    MemorySegment parameter;
    MemorySegment firstMoment;
    MemorySegment secondMoment;
    MemorySegment gradient;
    float scale;
    float keep1;
    float take1;
    float keep2;
    float take2;
    float shrink;
    float negativeRate;
    float rootScale;
    float epsilon;

    void constants(Step step) {
      scale = step.scale();
      keep1 = step.keep1();
      take1 = step.take1();
      keep2 = step.keep2();
      take2 = step.take2();
      shrink = step.shrink();
      negativeRate = step.negativeRate();
      rootScale = step.rootScale();
      epsilon = (float) step.epsilon();
    }

    @Override
    void run(int unit, Scratch scratch) {
      float[] strips = scratch.floats(Scratch.Use.PRODUCT, 4 * STRIP);
      long end = Math.min(gradient.byteSize(), (unit + 1L) * CHUNK * Float.BYTES);
      for (long at = (long) unit * CHUNK * Float.BYTES; at < end; at += STRIP * Float.BYTES) {
        int count = (int) Math.min(STRIP, (end - at) / Float.BYTES);
        MemorySegment.copy(parameter, FLOAT, at, strips, 0, count);
        MemorySegment.copy(firstMoment, FLOAT, at, strips, STRIP, count);
        MemorySegment.copy(secondMoment, FLOAT, at, strips, 2 * STRIP, count);
        MemorySegment.copy(gradient, FLOAT, at, strips, 3 * STRIP, count);
        strip(strips, 0, strips, STRIP, strips, 2 * STRIP, strips, 3 * STRIP, count);
        MemorySegment.copy(strips, 0, parameter, FLOAT, at, count);
        MemorySegment.copy(strips, STRIP, firstMoment, FLOAT, at, count);
        MemorySegment.copy(strips, 2 * STRIP, secondMoment, FLOAT, at, count);
      }
    }

    /** Elements that lie side by side: p, m and v are updated, g is read. */
    void strip(
        float[] p, int pAt, float[] m, int mAt, float[] v, int vAt, float[] g, int gAt, int count) {
      int done = Simd.VECTOR ? VectorAdamW.step(this, p, pAt, m, mAt, v, vAt, g, gAt, count) : 0;
      for (int i = done; i < count; i++) {
        float scaled = g[gAt + i] * scale;
        float first = Math.fma(keep1, m[mAt + i], take1 * scaled);
        float second = Math.fma(keep2, v[vAt + i], take2 * scaled * scaled);
        m[mAt + i] = first;
        v[vAt + i] = second;
        float root = Math.fma((float) Math.sqrt(second), rootScale, epsilon);
        p[pAt + i] = Math.fma(negativeRate, first / root, p[pAt + i] * shrink);
      }
    }
  }
}
