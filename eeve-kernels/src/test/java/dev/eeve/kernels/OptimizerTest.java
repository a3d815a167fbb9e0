package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class OptimizerTest {
  private static final int STEPS = 3;

  private static AdamW.Step step(int number) {
    return new AdamW.Step(number, 0.01, 0.9, 0.95, 1e-5, 0.1, 0.5);
  }

  private static float[] all(Weights weights) {
    float[] values = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, values, r * weights.columns());
    }
    return values;
  }

  /** The formula of the javadoc, in double, from the gradients alone. */
  private static double[] reference(float[] start, float[][] gradients) {
    double[] p = new double[start.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = start[i];
      double m = 0;
      double v = 0;
      for (int t = 1; t <= gradients.length; t++) {
        double g = 0.5 * gradients[t - 1][i];
        m = 0.9 * m + 0.1 * g;
        v = 0.95 * v + 0.05 * g * g;
        p[i] -= 0.01 * 0.1 * p[i];
        p[i] -=
            0.01 * (m / (1 - Math.pow(0.9, t))) / (Math.sqrt(v / (1 - Math.pow(0.95, t))) + 1e-5);
      }
    }
    return p;
  }

  @Test
  void updatesFollowTheFormulaAndMatrixAndVectorGiveTheSameBitsAtAnyThreadCount() {
    for (int[] shape : new int[][] {{1, 1}, {33, 17}, {31, 100}, {70, 515}}) {
      int size = shape[0] * shape[1];
      RandomData random = new RandomData(size);
      float[] start = random.floats(size, ElementType.F32);
      float[][] gradients = new float[STEPS][];
      for (int t = 0; t < STEPS; t++) {
        gradients[t] = random.floats(size, ElementType.F32);
        gradients[t][0] = 0; // no gradient: decay alone
      }
      float[] vector = new float[size + 5];
      System.arraycopy(start, 0, vector, 5, size);
      float[] m = new float[size];
      float[] v = new float[size];
      for (int t = 1; t <= STEPS; t++) {
        AdamW.step(vector, 5, m, v, gradients[t - 1], step(t));
      }
      assertElementsAloneGive(start, gradients, vector);
      float[] trained = java.util.Arrays.copyOfRange(vector, 5, vector.length);
      double[] expected = reference(start, gradients);
      for (int i = 0; i < size; i++) {
        assertEquals(expected[i], trained[i], 1e-6 * Math.abs(expected[i]) + 1e-7, "element " + i);
      }
      for (int threads : new int[] {1, 2, 3}) {
        assertMatrixGives(shape, start, gradients, trained, threads);
      }
    }
  }

  /** One element is too few for a vector: this is the scalar kernel. */
  private static void assertElementsAloneGive(
      float[] start, float[][] gradients, float[] expected) {
    for (int i = 0; i < start.length; i += 7) {
      float[] p = {start[i]};
      float[] m = new float[1];
      float[] v = new float[1];
      for (int t = 1; t <= gradients.length; t++) {
        AdamW.step(p, 0, m, v, new float[] {gradients[t - 1][i]}, step(t));
      }
      assertEquals(expected[5 + i], p[0], "element " + i);
    }
  }

  private static void assertMatrixGives(
      int[] shape, float[] start, float[][] gradients, float[] expected, int threads) {
    try (WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers();
        Arena arena = Arena.ofShared()) {
      Weights p = RandomData.weights(arena, ElementType.F32, shape[0], shape[1], start);
      Weights m = Weights.allocate(arena, ElementType.F32, shape[0], shape[1]);
      Weights v = Weights.allocate(arena, ElementType.F32, shape[0], shape[1]);
      for (int t = 1; t <= gradients.length; t++) {
        Weights g =
            RandomData.weights(arena, ElementType.F32, shape[0], shape[1], gradients[t - 1]);
        AdamW.step(workers, p, m, v, g, step(t));
      }
      assertArrayEquals(expected, all(p));
      Weights clean = RandomData.weights(arena, ElementType.F32, shape[0], shape[1], expected);
      assertEquals(-1, clean.memory.mismatch(p.memory), "padding stays zero");
    }
  }

  @Test
  void elementsOutsideTheTrainedOnesStayAsTheyAre() {
    float[] vector = {1, 2, 3, 4, 5};
    AdamW.step(vector, 1, new float[2], new float[2], new float[] {1, -1}, step(1));
    assertEquals(1f, vector[0]);
    assertEquals(4f, vector[3]);
    assertEquals(5f, vector[4]);
    assertEquals(2 * 0.999 - 0.01, vector[1], 1e-5);
    assertEquals(3 * 0.999 + 0.01, vector[2], 1e-5);
  }

  @Test
  void wrongShapesAndConstantsNameTheArgument() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers();
        Arena arena = Arena.ofConfined()) {
      Weights a = Weights.allocate(arena, ElementType.F32, 2, 3);
      Weights b = Weights.allocate(arena, ElementType.F32, 3, 2);
      Weights half = Weights.allocate(arena, ElementType.BF16, 2, 3);
      Refusal.of(
          "firstMoment: F32 (3, 2), needed F32 (2, 3)",
          () -> AdamW.step(workers, a, b, a, a, step(1)));
      Refusal.of(
          "parameter: BF16 (2, 3), needed F32 (2, 3)",
          () -> AdamW.step(workers, half, a, a, a, step(1)));
      Refusal.of("gradient: BF16, needed F32", () -> GradientNorm.sumOfSquares(workers, half));
    }
    Refusal.of(
        "parameter: 2 from 4, the vector has 5",
        () -> AdamW.step(new float[5], 4, new float[2], new float[2], new float[2], step(1)));
    Refusal.of("epsilon: 0.0, needed more than 0", () -> new AdamW.Step(1, 0.1, 0.9, 0.9, 0, 0, 1));
    Refusal.of(
        "beta2: 1.0, needed 0 to less than 1", () -> new AdamW.Step(1, 0.1, 0.9, 1, 1, 0, 1));
    assertThrows(
        IllegalArgumentException.class, () -> new AdamW.Step(1, Double.NaN, 0.9, 0.9, 1, 0, 1));
  }

  @Test
  void theNormIsExactInDoubleAndTheSameAtAnyThreadCount() {
    int rows = 70;
    int columns = 515;
    float[] values = new RandomData(5).floats(rows * columns, ElementType.F32);
    double exact = 0;
    for (float value : values) {
      exact += (double) value * value;
    }
    double first = Double.NaN;
    for (int threads : new int[] {1, 2, 3}) {
      try (WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers();
          Arena arena = Arena.ofShared()) {
        Weights g = RandomData.weights(arena, ElementType.F32, rows, columns, values);
        double sum = GradientNorm.sumOfSquares(workers, g);
        assertEquals(exact, sum, 1e-12 * exact);
        first = threads == 1 ? sum : first;
        float[] stored = g.memory.toArray(ValueLayout.JAVA_FLOAT); // in the scalar twin's order
        assertEquals(GradientNorm.sumOfSquares(stored), sum);
        assertEquals(first, sum);
      }
    }
    assertEquals(exact, GradientNorm.sumOfSquares(values), 1e-12 * exact);
  }

  @Test
  void theNormOfLargeAndBrokenGradientsIsTold() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers();
        Arena arena = Arena.ofShared()) {
      Weights g = Weights.allocate(arena, ElementType.F32, 3, 5);
      MemorySegment row = arena.allocate(5 * 4);
      row.set(ValueLayout.JAVA_FLOAT, 8, 1e30f);
      g.put(1, 1, row, ElementType.F32);
      assertEquals(1e60, GradientNorm.sumOfSquares(workers, g), 1e54);
    }
    assertEquals(Double.NaN, GradientNorm.sumOfSquares(new float[] {1, Float.NaN}));
    assertEquals(
        Double.POSITIVE_INFINITY,
        GradientNorm.sumOfSquares(new float[] {1, Float.NEGATIVE_INFINITY}));
  }

  @Test
  void clippingShrinksOnlyWhatIsTooLong() {
    assertEquals(1, GradientNorm.clippingScale(5, 0));
    assertEquals(1, GradientNorm.clippingScale(0.5, 1));
    assertEquals(0.2, GradientNorm.clippingScale(5, 1), 1e-6);
  }
}
