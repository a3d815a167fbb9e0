package dev.eeve.bench;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Gelu;
import org.openjdk.jmh.annotations.Param;

/** {@link Gelu} inside the MLP. */
public class GeluBenchmark extends TwinBenchmark {
  /** Tokens. */
  @Param({"phi2.gelu.T1", "phi2.gelu.T4", "phi2.gelu.T128", "phi2.gelu.T512"})
  public String shape;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  private FloatMatrix in;
  private FloatMatrix out;

  /** For JMH. */
  public GeluBenchmark() {}

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
    int columns = shape.width().intermediate();
    in = input(shape.tokens(), columns);
    for (int i = 0; i < in.data().length; i++) {
      in.data()[i] *= 6;
    }
    out = output(shape.tokens(), columns);
    return Work.memory(2.0 * Float.BYTES * shape.tokens() * columns, threads);
  }

  @Override
  void run() {
    Gelu.forward(workers, out, in);
  }

  /** A rounded exponent t of eᵗ is off by some roundings of t. */
  @Override
  void check() {
    for (int r : Check.samples(in.rows())) {
      for (int c : Check.samples(in.columns())) {
        double x = in.data()[in.index(r) + c];
        double inner = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
        double expected = x / (1 + Math.exp(-2 * inner)); // 0.5 x (1 + tanh(inner))
        double bound = Math.abs(expected) * (4 * Math.abs(2 * inner) + 8) * Check.ROUNDING + 1e-36;
        Check.near("gelu(" + x + ")", expected, out.data()[out.index(r) + c], bound);
      }
    }
  }
}
