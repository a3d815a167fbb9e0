package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class ElementwiseTest {
  private static final int[] SIZES = {1, 2, 15, 16, 17, 31, 33, 80, 100, 2560};

  private static double gelu(double x) {
    double inner = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
    return x / (1 + StrictMath.exp(-2 * inner)); // 0.5 x (1 + tanh(inner)) without its cancellation
  }

  @Test
  void geluIsWithinTheRoundingOfItsExponent() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      int count = 40_001;
      FloatMatrix in = FloatMatrix.allocate(1, count);
      for (int i = 0; i < count; i++) {
        in.data()[i] = (i - 20_000) / 1000f; // −20 … 20
      }
      Canary out = new Canary(1, count);
      Gelu.forward(workers, out.matrix, in);
      float[] result = out.values();
      for (int i = 0; i < count; i++) {
        double x = in.data()[i];
        double exponent = 1.6 * Math.abs(x) * (1 + 0.044715 * x * x);
        double expected = gelu(x);
        // A rounded exponent t of e^t is off by ε·t of it; below e^−87 the result is 0.
        double bound = Math.abs(expected) * (4 * exponent + 8) * 0x1p-24 + 1e-36;
        assertEquals(expected, result[i], bound, "gelu(" + x + ")");
      }
    }
  }

  @Test
  void geluMayOverwriteItsInputAndGivesTheSameBitsAtAnyThreadCount() {
    for (int size : SIZES) {
      FloatMatrix in = new RandomData(size).matrix(7, size);
      float[] expected = null;
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers()) {
          Canary out = new Canary(7, size);
          Gelu.forward(workers, out.matrix, in);
          expected = expected == null ? out.values() : expected;
          assertArrayEquals(expected, out.values());
          System.arraycopy(
              in.data(), in.offset(), out.matrix.data(), out.matrix.offset(), 7 * size);
          Gelu.forward(workers, out.matrix, out.matrix);
          assertArrayEquals(expected, out.values());
        }
      }
    }
  }

  @Test
  void geluOfTheExtremesIsDefined() {
    float[] x = {Float.POSITIVE_INFINITY, 100f, -100f, 0f, Float.NaN};
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      FloatMatrix matrix = new FloatMatrix(x, 0, 1, 5);
      Gelu.forward(workers, matrix, matrix);
    }
    assertEquals(Float.POSITIVE_INFINITY, x[0]);
    assertEquals(100f, x[1]);
    assertEquals(0f, x[2], 1e-35f);
    assertEquals(0f, x[3]);
    assertTrue(Float.isNaN(x[4]));
  }

  @Test
  void theResidualAddsBothBranches() {
    for (int size : SIZES) {
      RandomData random = new RandomData(size);
      FloatMatrix a = random.matrix(5, size);
      FloatMatrix b = random.matrix(5, size);
      float[] expected = new float[5 * size];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = 1f + (a.data()[a.offset() + i] + b.data()[b.offset() + i]);
      }
      for (int threads : new int[] {1, 3}) {
        try (WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers()) {
          Canary h = new Canary(5, size);
          h.fill(1f);
          Residual.add(workers, h.matrix, a, b);
          assertArrayEquals(expected, h.values());
        }
      }
    }
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      FloatMatrix wide = FloatMatrix.allocate(2, 4);
      FloatMatrix narrow = FloatMatrix.allocate(2, 3);
      Refusal.of("in: (2, 3), needed (2, 4)", () -> Gelu.forward(workers, wide, narrow));
      Refusal.of("a: (2, 3), needed (2, 4)", () -> Residual.add(workers, wide, narrow, wide));
      Refusal.of("b: (2, 3), needed (2, 4)", () -> Residual.add(workers, wide, wide, narrow));
    }
  }
}
