package dev.eeve.bench;

import dev.eeve.kernels.CrossEntropy;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Weights;
import java.util.Arrays;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** {@link CrossEntropy#logProbabilities}: head and log-softmax of a block of tokens. */
public class CrossEntropyBenchmark extends KernelBenchmark {
  /** Tokens. */
  @Param("phi2.head.T128")
  public String shape;

  /** How the head is stored. */
  @Param({"F32", "F16", "BF16"})
  public ElementType type;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  private FloatMatrix hidden;
  private Weights head;
  private float[] bias;
  private int[] targets;
  private double[] scores;

  /** For JMH. */
  public CrossEntropyBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  int threads() {
    return threads;
  }

  @Override
  boolean allocates() {
    return true; // the logits of one chunk of the vocabulary
  }

  @Override
  Work prepare(Shape shape) {
    Shape.Matrix matrix = shape.matrices().getFirst();
    hidden = input(shape.tokens(), matrix.columns());
    head = WeightCopies.of(arena, type, matrix, 1, random).getFirst();
    bias = Check.random(random, matrix.rows(), 1);
    targets = new int[shape.tokens()];
    Arrays.setAll(targets, r -> (int) (r * 7919L % matrix.rows()));
    scores = new double[shape.tokens()];
    Arrays.fill(scores, Double.NaN);
    return Work.arithmetic(2.0 * shape.tokens() * matrix.elements(), threads);
  }

  @Override
  void run() {
    CrossEntropy.logProbabilities(workers, scores, 0, hidden, head, bias, targets, 0);
  }

  /** The kernels that this machine runs. */
  @Benchmark
  public void vector() {
    run();
  }

  /**
   * A logit is off by (K + 1) roundings of Σ|h w| at most, and so is the logarithm of a sum of
   * exponentials; these are good to 5e-7 each.
   */
  @Override
  void check() {
    int r = hidden.rows() - 1;
    float[] row = new float[head.columns()];
    double[] logits = new double[head.rows()];
    double error = 0;
    for (int n = 0; n < logits.length; n++) {
      head.row(n, row, 0);
      logits[n] = bias[n];
      double absolute = Math.abs(bias[n]);
      for (int k = 0; k < row.length; k++) {
        double term = (double) row[k] * hidden.data()[hidden.index(r) + k];
        logits[n] += term;
        absolute += Math.abs(term);
      }
      error = Math.max(error, (row.length + 1) * Check.ROUNDING * absolute);
    }
    double max = Arrays.stream(logits).max().getAsDouble();
    double sum = Arrays.stream(logits).map(x -> Math.exp(x - max)).sum();
    double expected = logits[targets[r]] - max - Math.log(sum);
    Check.near("log-probability of row " + r, expected, scores[r], 2 * error + 1e-6);
  }
}
