package dev.eeve.bench;

import dev.eeve.kernels.Argmax;
import org.openjdk.jmh.annotations.Param;

/** {@link Argmax} over the vocabulary. */
public class ArgmaxBenchmark extends TwinBenchmark {
  /** The logits of one token. */
  @Param("phi2.logits.T1")
  public String shape;

  private float[] values;

  /** A field, so that the JIT cannot leave the search out. */
  private int found;

  /** For JMH. */
  public ArgmaxBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  Work prepare(Shape shape) {
    values = Check.random(random, shape.width().vocabulary(), 10);
    return Work.memory((double) Float.BYTES * values.length, 1);
  }

  @Override
  void run() {
    found = Argmax.of(values, 0, values.length);
  }

  @Override
  void check() {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    Check.near("index of the largest", best, found, 0);
  }
}
