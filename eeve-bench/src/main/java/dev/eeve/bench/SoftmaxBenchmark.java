package dev.eeve.bench;

import dev.eeve.kernels.Softmax;
import org.openjdk.jmh.annotations.Param;

/**
 * {@link Softmax} over the vocabulary, in place: every call after the first sees its own result.
 */
public class SoftmaxBenchmark extends TwinBenchmark {
  /** The logits of one token. */
  @Param("phi2.logits.T1")
  public String shape;

  private float[] before;
  private float[] values;

  /** For JMH. */
  public SoftmaxBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  Work prepare(Shape shape) {
    before = Check.random(random, shape.width().vocabulary(), 10);
    values = before.clone();
    return Work.memory(2.0 * Float.BYTES * values.length, 1);
  }

  @Override
  void run() {
    Softmax.forward(values, 0, values.length);
  }

  /** eˣ is good to 2e-7 above and below the line, and its exponent is rounded once. */
  @Override
  void check() {
    double max = Double.NEGATIVE_INFINITY;
    for (float x : before) {
      max = Math.max(max, x);
    }
    double sum = 0;
    for (float x : before) {
      sum += Math.exp(x - max);
    }
    for (int i : Check.samples(values.length)) {
      double expected = Math.exp(before[i] - max) / sum;
      double bound = expected * (5e-7 + Check.ROUNDING * (max - before[i]));
      Check.near("element " + i, expected, values[i], bound);
    }
  }
}
