package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Sums of squares of gradients, in double. A matrix is cut into chunks of fixed size; a chunk is
 * summed in 8 partial sums, element i in sum i mod 8, added in order, and so are the chunks: the
 * same bits at any number of threads. No finite float overflows.
 */
public final class GradientNorm {
  private static final int CHUNK = 1 << 14;
  private static final int PARTIAL_SUMS = 8;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private GradientNorm() {}

  /**
   * {@code Σ g²} of a matrix.
   *
   * @param workers the caller's threads
   * @param gradient (N, K), F32, read; its padding is zero
   * @return the sum; NaN or infinite where an element is
   */
  public static double sumOfSquares(Workers workers, Weights gradient) {
    if (gradient.type() != ElementType.F32) {
      throw new IllegalArgumentException("gradient: " + gradient.type() + ", needed F32");
    }
    int chunks = chunks(gradient, CHUNK);
    SumJob job = workers.gradientNormJob;
    job.gradient = gradient.memory;
    if (job.sums.length < chunks) {
      job.sums = new double[chunks];
    }
    workers.run(job, chunks);
    job.gradient = null;
    double sum = 0;
    for (int i = 0; i < chunks; i++) {
      sum += job.sums[i];
    }
    return sum;
  }

  /**
   * {@code Σ g²} of a vector, on this thread.
   *
   * @param gradient read
   * @return the sum; NaN or infinite where an element is
   */
  public static double sumOfSquares(float[] gradient) {
    double sum = 0;
    for (int from = 0; from < gradient.length; from += CHUNK) {
      sum += sum(gradient, from, Math.min(gradient.length, from + CHUNK));
    }
    return sum;
  }

  /**
   * What gradients are multiplied with so that their norm is at most a maximum, as
   * torch.nn.utils.clip_grad_norm_ does.
   *
   * @param norm of all gradients together
   * @param maxNorm the maximum; 0 for none
   * @return at most 1
   */
  public static double clippingScale(double norm, double maxNorm) {
    return maxNorm == 0 ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
  }

  /** Chunks of a number of floats that cover a matrix's memory. */
  static int chunks(Weights weights, int chunk) {
    return Math.toIntExact((weights.byteSize() / Float.BYTES + chunk - 1) / chunk);
  }

  private static double sum(float[] values, int from, int to) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    double s4 = 0;
    double s5 = 0;
    double s6 = 0;
    double s7 = 0;
    int i = from;
    for (; i + PARTIAL_SUMS <= to; i += PARTIAL_SUMS) {
      s0 += (double) values[i] * values[i];
      s1 += (double) values[i + 1] * values[i + 1];
      s2 += (double) values[i + 2] * values[i + 2];
      s3 += (double) values[i + 3] * values[i + 3];
      s4 += (double) values[i + 4] * values[i + 4];
      s5 += (double) values[i + 5] * values[i + 5];
      s6 += (double) values[i + 6] * values[i + 6];
      s7 += (double) values[i + 7] * values[i + 7];
    }
    double sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
    for (; i < to; i++) {
      sum += (double) values[i] * values[i];
    }
    return sum;
  }

  private static double total(double[] s) {
    return s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
  }

  /** One unit is a chunk of memory. */
  static final class SumJob extends Job {
    private MemorySegment gradient;
    private double[] sums = {};

    @Override
    void run(int unit, Scratch scratch) {
      long from = (long) unit * CHUNK * Float.BYTES;
      int count = (int) (Math.min(CHUNK * 4L, gradient.byteSize() - from) / Float.BYTES);
      if (Simd.VECTOR && count % (2 * PARTIAL_SUMS) == 0) {
        double[] partial = scratch.doubles(PARTIAL_SUMS);
        VectorGradientNorm.sums(partial, gradient, from, count);
        sums[unit] = total(partial);
        return;
      }
      float[] values = scratch.floats(Scratch.Use.PRODUCT, CHUNK);
      MemorySegment.copy(gradient, FLOAT, from, values, 0, count);
      sums[unit] = sum(values, 0, count);
    }
  }
}
