package dev.eeve.bench;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Residual;
import org.openjdk.jmh.annotations.Param;

/** {@link Residual}: both branches of a layer added to its input. */
public class ResidualBenchmark extends TwinBenchmark {
  /** Tokens. */
  @Param({"phi2.residual.T1", "phi2.residual.T4", "phi2.residual.T128", "phi2.residual.T512"})
  public String shape;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  private FloatMatrix sum;
  private FloatMatrix a;
  private FloatMatrix b;
  private float[] before;

  /** For JMH. */
  public ResidualBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  int threads() {
    return threads;
  }

  @Override
  Work prepare(Shape shape) {
    int columns = shape.width().hidden();
    sum = input(shape.tokens(), columns);
    before = sum.data().clone();
    a = input(shape.tokens(), columns);
    b = input(shape.tokens(), columns);
    return Work.memory(4.0 * Float.BYTES * shape.tokens() * columns, threads);
  }

  @Override
  void run() {
    Residual.add(workers, sum, a, b);
  }

  /** Two additions. */
  @Override
  void check() {
    for (int i : Check.samples(before.length)) {
      double absolute = Math.abs(before[i]) + Math.abs(a.data()[i]) + Math.abs(b.data()[i]);
      double expected = (double) before[i] + a.data()[i] + b.data()[i];
      Check.near("element " + i, expected, sum.data()[i], 2 * Check.ROUNDING * absolute);
    }
  }
}
