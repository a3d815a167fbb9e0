package dev.eeve.bench;

import dev.eeve.kernels.CausalAttention;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.KeyValueRows;
import org.openjdk.jmh.annotations.Param;

/** {@link CausalAttention} of one token, and of a block of 128, behind some cached tokens. */
public class AttentionBenchmark extends TwinBenchmark {
  /** First position and tokens. */
  @Param({
    "phi2.attention.P128.T1", "phi2.attention.P512.T1", "phi2.attention.P1500.T1",
    "phi2.attention.P128.T128", "phi2.attention.P512.T128", "phi2.attention.P1500.T128"
  })
  public String shape;

  /** How keys and values are kept. */
  @Param({"F32", "F16", "BF16", "Q8_0"})
  public ElementType type;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  private Width width;
  private int position;
  private KeyValueRows[] caches;
  private FloatMatrix q;
  private FloatMatrix k;
  private FloatMatrix v;
  private FloatMatrix out;
  private int turn;

  /** For JMH. */
  public AttentionBenchmark() {}

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
    width = shape.width();
    position = shape.position();
    int tokens = shape.tokens();
    int keys = position + tokens;
    k = Check.exact(input(keys, width.hidden()), width.headSize());
    v = Check.exact(input(keys, width.hidden()), width.headSize());
    q = input(tokens, width.hidden());
    out = output(tokens, width.hidden());
    double bytes =
        keys * (double) KeyValueRows.positionBytes(type, width.heads(), width.headSize());
    caches = new KeyValueRows[tokens == 1 ? shape.copies((long) bytes) : 1];
    turn = 0;
    for (int i = 0; i < caches.length; i++) {
      caches[i] = KeyValueRows.allocate(arena, type, width.heads(), width.headSize(), keys);
      caches[i].put(workers, k, v, 0);
    }
    double pairs = tokens * (position + (tokens + 1) / 2.0);
    return tokens == 1
        ? Work.memory(bytes, threads)
        : Work.arithmetic(4 * pairs * width.hidden(), threads);
  }

  @Override
  void run() {
    KeyValueRows cache = caches[turn];
    turn = turn + 1 == caches.length ? 0 : turn + 1;
    CausalAttention.forward(workers, out, q, cache, position);
  }

  /**
   * A score is off by (D + 2) roundings of Σ|q k| ÷ √D, so its probability by that share, twice: in
   * eˢ and in the sum; the sum and Σ p v round once for each key.
   */
  @Override
  void check() {
    int size = width.headSize();
    for (int r : Check.samples(q.rows())) {
      for (int head : new int[] {0, width.heads() - 1}) {
        int keys = position + r + 1;
        double[] p = new double[keys];
        double scoreError = 0;
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < keys; i++) {
          double absolute = 0;
          for (int d = 0; d < size; d++) {
            double term = element(q, r, head, d) * element(k, i, head, d) / Math.sqrt(size);
            p[i] += term;
            absolute += Math.abs(term);
          }
          scoreError = Math.max(scoreError, (size + 2) * absolute);
          max = Math.max(max, p[i]);
        }
        checkFeatures(r, head, p, max, 2 * scoreError + 2 * keys + 20);
      }
    }
  }

  private void checkFeatures(int r, int head, double[] scores, double max, double roundings) {
    double sum = 0;
    for (int i = 0; i < scores.length; i++) {
      scores[i] = Math.exp(scores[i] - max);
      sum += scores[i];
    }
    for (int d : Check.samples(width.headSize())) {
      double expected = 0;
      double absolute = 0;
      for (int i = 0; i < scores.length; i++) {
        double term = scores[i] / sum * element(v, i, head, d);
        expected += term;
        absolute += Math.abs(term);
      }
      Check.near(
          "row " + r + ", head " + head + ", feature " + d,
          expected,
          element(out, r, head, d),
          roundings * Check.ROUNDING * absolute);
    }
  }

  private double element(FloatMatrix matrix, int row, int head, int d) {
    return matrix.data()[matrix.index(row) + head * width.headSize() + d];
  }
}
