package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class CrossEntropyTest {
  private static final int V = 333;
  private static final int C = 50;
  private static final int ROWS = 9;

  private final RandomData random = new RandomData(2);
  private final float[] values = random.floats(V * C, ElementType.BF16);
  private final float[] bias = random.floats(V, ElementType.F32);
  private final FloatMatrix hidden = random.matrix(ROWS, C);
  private final int[] targets = {-1, 0, 63, 64, 65, 332, 127, 128, 5, 300};

  private double[] scores(int chunk, int threads) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers(new Blocking(8, 16, 32, chunk))) {
      Weights head = RandomData.weights(arena, ElementType.BF16, V, C, values);
      double[] out = new double[ROWS + 2];
      Arrays.fill(out, Double.NaN);
      CrossEntropy.logProbabilities(workers, out, 1, hidden, head, bias, targets, 1);
      assertEquals(Double.NaN, out[0], "before the range");
      assertEquals(Double.NaN, out[ROWS + 1], "after the range");
      return Arrays.copyOfRange(out, 1, ROWS + 1);
    }
  }

  @Test
  void logProbabilitiesAreWithinTheRoundingOfTheirLogits() {
    for (int chunk : new int[] {32, 64, 4096}) {
      double[] scores = scores(chunk, 2);
      for (int r = 0; r < ROWS; r++) {
        double[] logits = new double[V];
        double worst = 0;
        double sum = 0;
        for (int v = 0; v < V; v++) {
          double absolute = Math.abs(bias[v]);
          logits[v] = bias[v];
          for (int c = 0; c < C; c++) {
            double product = (double) values[v * C + c] * hidden.data()[hidden.index(r) + c];
            logits[v] += product;
            absolute += Math.abs(product);
          }
          worst = Math.max(worst, absolute);
          sum += Math.exp(logits[v]);
        }
        double expected = logits[targets[1 + r]] - Math.log(sum);
        double bound = 2 * (C + 2) * 0x1p-24 * worst + 1e-6;
        assertEquals(expected, scores[r], bound, "chunks of " + chunk + ", row " + r);
      }
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    double[] expected = scores(64, 1);
    for (int threads : new int[] {2, 3, 8}) {
      assertArrayEquals(expected, scores(64, threads));
    }
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      Weights head = Weights.allocate(arena, ElementType.F32, 7, 3);
      FloatMatrix x = FloatMatrix.allocate(1, 3);
      double[] out = new double[1];
      Refusal.of(
          "targets: 7 at 0, needed 0 to 6",
          () ->
              CrossEntropy.logProbabilities(
                  workers, out, 0, x, head, new float[7], new int[] {7}, 0));
      Refusal.of(
          "bias: (6), needed (7)",
          () ->
              CrossEntropy.logProbabilities(
                  workers, out, 0, x, head, new float[6], new int[] {6}, 0));
      Refusal.of(
          "in: (1, 2), needed (1, 3)",
          () ->
              CrossEntropy.logProbabilities(
                  workers,
                  out,
                  0,
                  FloatMatrix.allocate(1, 2),
                  head,
                  new float[7],
                  new int[] {6},
                  0));
    }
  }
}
