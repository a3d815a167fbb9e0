package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class CrossEntropyGradientTest {
  private static final int ROWS = 5;
  private static final int V = 333;

  private final float[] values = new RandomData(1).floats(ROWS * V, ElementType.F32);
  private final int[] targets = {-1, 0, 100, 101, 332, 7};

  /** Columns {@code from … to} of all rows. */
  private Canary piece(int from, int to) {
    Canary piece = new Canary(ROWS, to - from);
    for (int r = 0; r < ROWS; r++) {
      System.arraycopy(values, r * V + from, piece.matrix.data(), piece.matrix.index(r), to - from);
    }
    return piece;
  }

  private record Result(double[] losses, float[] gradient) {}

  private Result run(int threads, int... cuts) {
    Canary[] pieces = new Canary[cuts.length - 1];
    FloatMatrix[] logits = new FloatMatrix[pieces.length];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = piece(cuts[i], cuts[i + 1]);
      logits[i] = pieces[i].matrix;
    }
    double[] losses = new double[ROWS + 2];
    Arrays.fill(losses, Double.NaN);
    try (WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers()) {
      CrossEntropy.forwardBackward(workers, losses, 1, targets, 0.25f, logits);
    }
    assertEquals(Double.NaN, losses[0]);
    assertEquals(Double.NaN, losses[ROWS + 1]);
    float[] gradient = new float[ROWS * V];
    for (int i = 0; i < pieces.length; i++) {
      float[] part = pieces[i].values();
      int width = cuts[i + 1] - cuts[i];
      for (int r = 0; r < ROWS; r++) {
        System.arraycopy(part, r * width, gradient, r * V + cuts[i], width);
      }
    }
    return new Result(Arrays.copyOfRange(losses, 1, ROWS + 1), gradient);
  }

  @Test
  void lossesAndGradientsAreThoseOfTheDoubleSoftmax() {
    Result result = run(2, 0, V);
    for (int r = 0; r < ROWS; r++) {
      double sum = 0;
      for (int i = 0; i < V; i++) {
        sum += Math.exp(values[r * V + i]);
      }
      int target = targets[r + 1];
      assertEquals(Math.log(sum) - values[r * V + target], result.losses[r], 1e-6);
      for (int i = 0; i < V; i++) {
        double p = Math.exp(values[r * V + i]) / sum;
        double expected = 0.25 * (p - (i == target ? 1 : 0));
        assertEquals(expected, result.gradient[r * V + i], 1e-6 * 0.25 * p + 3e-8);
      }
    }
  }

  @Test
  void piecesAndThreadsGiveTheSameBits() {
    Result first = run(1, 0, V);
    int[][] cuts = {{0, V}, {0, 1, V}, {0, 100, 101, V}, {0, 64, 96, 300, V}};
    for (int[] cut : cuts) {
      for (int threads : new int[] {1, 2, 3, 8}) {
        Result other = run(threads, cut);
        assertArrayEquals(first.losses, other.losses);
        assertArrayEquals(first.gradient, other.gradient);
      }
    }
  }

  @Test
  void lossesAloneAreTheSame() {
    Canary left = piece(0, 50);
    Canary right = piece(50, V);
    double[] losses = new double[ROWS + 1];
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      CrossEntropy.forward(workers, losses, 1, targets, left.matrix, right.matrix);
    }
    assertArrayEquals(run(1, 0, V).losses, Arrays.copyOfRange(losses, 1, ROWS + 1));
  }

  @Test
  void aWrongTargetOrShapeIsNamed() {
    FloatMatrix two = FloatMatrix.allocate(2, 7);
    FloatMatrix three = FloatMatrix.allocate(3, 7);
    double[] losses = new double[2];
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      Refusal.of(
          "logits: (3, 7), needed (2, 7)",
          () -> CrossEntropy.forward(workers, losses, 0, new int[2], two, three));
      Refusal.of(
          "losses: (2), needed 2 from 1",
          () -> CrossEntropy.forward(workers, losses, 1, new int[3], two));
      Refusal.of(
          "targets: 14 at 1, needed 0 to 13",
          () -> CrossEntropy.forward(workers, losses, 0, new int[] {13, 14}, two, two));
      Refusal.of(
          "targets: -100 at 0, needed 0 to 6",
          () ->
              CrossEntropy.forwardBackward(
                  workers, losses, 0, new int[] {CrossEntropy.IGNORED, 0}, 1f, two));
    }
  }
}
