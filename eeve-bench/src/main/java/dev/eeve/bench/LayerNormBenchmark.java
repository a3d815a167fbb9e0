package dev.eeve.bench;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.LayerNorm;
import org.openjdk.jmh.annotations.Param;

/** {@link LayerNorm} of the residual stream. */
public class LayerNormBenchmark extends TwinBenchmark {
  private static final float EPSILON = 1e-5f;

  /** Tokens. */
  @Param({"phi2.norm.T1", "phi2.norm.T4", "phi2.norm.T128", "phi2.norm.T512"})
  public String shape;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  private FloatMatrix in;
  private FloatMatrix out;
  private float[] weight;
  private float[] bias;
  private float[] mean;
  private float[] rstd;

  /** For JMH. */
  public LayerNormBenchmark() {}

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
    in = input(shape.tokens(), columns);
    out = output(shape.tokens(), columns);
    weight = Check.random(random, columns, 1);
    bias = Check.random(random, columns, 1);
    mean = new float[shape.tokens()];
    rstd = new float[shape.tokens()];
    return Work.memory(2.0 * Float.BYTES * shape.tokens() * columns, threads);
  }

  @Override
  void run() {
    LayerNorm.forward(workers, out, mean, rstd, in, weight, bias, EPSILON);
  }

  /** Sums of n values in 16 partial sums round n / 16 + 4 times, a few operations follow. */
  @Override
  void check() {
    int columns = in.columns();
    double steps = (columns / 16.0 + 12) * Check.ROUNDING;
    for (int r : Check.samples(in.rows())) {
      double sum = 0;
      double absolute = 0;
      for (int c = 0; c < columns; c++) {
        sum += in.data()[in.index(r) + c];
        absolute += Math.abs(in.data()[in.index(r) + c]);
      }
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        squares += Math.pow(in.data()[in.index(r) + c] - sum / columns, 2);
      }
      double s = 1 / Math.sqrt(squares / columns + EPSILON);
      double meanBound = steps * absolute / columns;
      double share = 2 * (steps + meanBound * s) + Check.ROUNDING; // of rstd
      for (int c : Check.samples(columns)) {
        double distance = in.data()[in.index(r) + c] - sum / columns;
        double expected = distance * s * weight[c] + bias[c];
        double bound =
            s * Math.abs(weight[c]) * (meanBound + 2 * share * Math.abs(distance))
                + 2 * Check.ROUNDING * (Math.abs(expected) + Math.abs(bias[c]));
        Check.near("row " + r + ", column " + c, expected, out.data()[out.index(r) + c], bound);
      }
    }
  }
}
