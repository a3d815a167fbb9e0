package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class LowRankTest {
  private static final int[][] SHAPES = {{1, 1, 1}, {33, 17, 4}, {64, 100, 16}, {7, 70, 33}};
  private static final int[] ROWS = {1, 3, 4, 13, 37};
  private static final float SCALE = 0.7f;

  /** Matrices of random values, and the values. */
  private record Case(int n, int k, int rank, float[] a, float[] b, LowRank weights) {
    static Case of(Arena arena, RandomData random, int n, int k, int rank) {
      float[] a = random.floats(rank * k, ElementType.F32);
      float[] b = random.floats(n * rank, ElementType.F32);
      return new Case(
          n,
          k,
          rank,
          a,
          b,
          new LowRank(
              RandomData.weights(arena, ElementType.F32, rank, k, a),
              RandomData.weights(arena, ElementType.F32, n, rank, b),
              SCALE));
    }

    /** The documented order: two chains from 0, the scale between them, one addition. */
    float[] forward(float[] before, FloatMatrix in) {
      float[] out = before.clone();
      for (int r = 0; r < in.rows(); r++) {
        float[] inner = new float[rank];
        for (int j = 0; j < rank; j++) {
          for (int i = 0; i < k; i++) {
            inner[j] = Math.fma(in.data()[in.index(r) + i], a[j * k + i], inner[j]);
          }
          inner[j] *= SCALE;
        }
        for (int o = 0; o < n; o++) {
          float sum = 0;
          for (int j = 0; j < rank; j++) {
            sum = Math.fma(inner[j], b[o * rank + j], sum);
          }
          out[r * n + o] += sum;
        }
      }
      return out;
    }

    double loss(FloatMatrix in, float[] dOut) {
      double loss = 0;
      for (int r = 0; r < in.rows(); r++) {
        for (int o = 0; o < n; o++) {
          double sum = 0;
          for (int j = 0; j < rank; j++) {
            double inner = 0;
            for (int i = 0; i < k; i++) {
              inner += (double) in.data()[in.index(r) + i] * a[j * k + i];
            }
            sum += SCALE * inner * b[o * rank + j];
          }
          loss += dOut[r * n + o] * sum;
        }
      }
      return loss;
    }
  }

  private static LowRank.Update update(Case c, FloatMatrix out, FloatMatrix in) {
    return new LowRank.Update(
        c.weights,
        out,
        in,
        new Canary(in.rows(), c.rank).matrix,
        new Canary(in.rows(), c.n).matrix);
  }

  @Test
  void anUpdateIsTheDocumentedChainsAtAnyNumberOfRowsAndThreads() {
    try (Arena arena = Arena.ofShared()) {
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers(new Blocking(8, 16, 32, 64))) {
          for (int[] shape : SHAPES) {
            RandomData random = new RandomData(shape[0] + shape[1]);
            Case c = Case.of(arena, random, shape[0], shape[1], shape[2]);
            for (int rows : ROWS) {
              FloatMatrix in = random.matrix(rows, c.k);
              Canary out = new Canary(rows, c.n);
              float[] before = random.floats(rows * c.n, ElementType.F32);
              System.arraycopy(before, 0, out.matrix.data(), out.matrix.offset(), before.length);
              LowRank.forward(workers, new LowRank.Group(update(c, out.matrix, in)));
              assertArrayEquals(c.forward(before, in), out.values(), rows + " rows");
            }
          }
        }
      }
    }
  }

  @Test
  void severalUpdatesOfOneOutputAreAddedInTheirOrder() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(3);
      Case first = Case.of(arena, random, 50, 40, 8);
      Case second = Case.of(arena, random, 50, 40, 3);
      FloatMatrix in = random.matrix(5, 40);
      Canary out = new Canary(5, 50);
      out.fill(1f);
      LowRank.Group group =
          new LowRank.Group(update(first, out.matrix, in), update(second, out.matrix, in));
      LowRank.forward(workers, group);
      float[] ones = new float[250];
      Arrays.fill(ones, 1f);
      assertArrayEquals(second.forward(first.forward(ones, in), in), out.values());
    }
  }

  @Test
  void gradientsAreTheSlopesOfTheLoss() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int[] shape : SHAPES) {
        RandomData random = new RandomData(shape[0] * 31L);
        Case c = Case.of(arena, random, shape[0], shape[1], shape[2]);
        FloatMatrix in = random.matrix(6, c.k);
        FloatMatrix dOut = new FloatMatrix(random.floats(6 * c.n, ElementType.F32), 0, 6, c.n);
        LowRank.Update update = update(c, FloatMatrix.allocate(6, c.n), in);
        LowRank.forwardInner(workers, new LowRank.Group(update));
        Weights dA = Weights.allocate(arena, ElementType.F32, c.rank, c.k);
        Weights dB = Weights.allocate(arena, ElementType.F32, c.n, c.rank);
        Canary dInner = new Canary(6, c.rank);
        FloatMatrix inner = update.inner();
        c.weights.backward(workers, dA, dB, dInner.matrix, dOut, in, inner);
        FloatMatrix dIn = FloatMatrix.allocate(6, c.k);
        Linear.backwardInput(workers, dIn, c.weights.inputGradient(dInner.matrix));
        assertSlopes(c, c.a, rows(dA), in, dOut);
        assertSlopes(c, c.b, rows(dB), in, dOut);
        float[] input = Arrays.copyOfRange(in.data(), in.offset(), in.data().length);
        FloatMatrix view = new FloatMatrix(input, 0, 6, c.k);
        assertSlopes(c, input, dIn.data(), view, dOut);
      }
    }
  }

  private static float[] rows(Weights weights) {
    float[] values = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, values, r * weights.columns());
    }
    return values;
  }

  /**
   * The loss is linear in each element alone, so a central difference is exact but for rounding.
   */
  private static void assertSlopes(
      Case c, float[] values, float[] gradient, FloatMatrix in, FloatMatrix dOut) {
    double largest = 0;
    for (float g : gradient) {
      largest = Math.max(largest, Math.abs(g));
    }
    for (int i = 0; i < values.length; i += Math.max(1, values.length / 23)) {
      float kept = values[i];
      values[i] = kept + 0.5f;
      double above = c.loss(in, dOut.data());
      double step = (double) values[i] - kept;
      values[i] = kept;
      double slope = (above - c.loss(in, dOut.data())) / step;
      assertEquals(slope, gradient[i], 1e-5 * largest + 1e-6, "element " + i);
    }
  }

  @Test
  void wrongShapesAreRefusedByName() {
    try (Arena arena = Arena.ofShared()) {
      Weights a = Weights.allocate(arena, ElementType.F32, 4, 10);
      Weights b = Weights.allocate(arena, ElementType.F32, 6, 5);
      Exception e = assertThrows(IllegalArgumentException.class, () -> new LowRank(a, b, 1));
      assertEquals("b: (6, 5), needed (N, 4)", e.getMessage());
      LowRank good = new LowRank(a, Weights.allocate(arena, ElementType.F32, 6, 4), 1);
      FloatMatrix ten = FloatMatrix.allocate(2, 10);
      FloatMatrix six = FloatMatrix.allocate(2, 6);
      FloatMatrix five = FloatMatrix.allocate(2, 5);
      e =
          assertThrows(
              IllegalArgumentException.class, () -> new LowRank.Update(good, six, ten, five, six));
      assertEquals("inner: (2, 5), needed (2, 4)", e.getMessage());
    }
  }
}
