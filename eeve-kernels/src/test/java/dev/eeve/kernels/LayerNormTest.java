package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class LayerNormTest {
  private static final int[] SIZES = {1, 2, 15, 16, 17, 31, 33, 80, 100, 2560};
  private static final float EPSILON = 1e-5f;
  private static final double ULP = 0x1p-24;

  @Test
  void eachRowIsWithinTheRoundingOfItsOwnSums() {
    for (int threads : new int[] {1, 2, 3, 8}) {
      try (WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers()) {
        for (int columns : SIZES) {
          RandomData random = new RandomData(columns);
          FloatMatrix in = random.matrix(5, columns);
          float[] weight = random.floats(columns, ElementType.F32);
          float[] bias = random.floats(columns, ElementType.F32);
          Canary out = new Canary(5, columns);
          float[] mean = new float[5];
          float[] rstd = new float[5];
          LayerNorm.forward(workers, out.matrix, mean, rstd, in, weight, bias, EPSILON);
          check(out.values(), mean, rstd, in, weight, bias);
        }
      }
    }
  }

  /** n / 16 additions to each partial sum, 4 between them, and a few operations after. */
  private static void check(
      float[] out, float[] mean, float[] rstd, FloatMatrix in, float[] weight, float[] bias) {
    int columns = in.columns();
    double steps = (columns / 16.0 + 12) * ULP;
    for (int r = 0; r < in.rows(); r++) {
      double sum = 0;
      double absolute = 0;
      for (int c = 0; c < columns; c++) {
        sum += in.data()[in.index(r) + c];
        absolute += Math.abs(in.data()[in.index(r) + c]);
      }
      double m = sum / columns;
      double squares = 0;
      for (int c = 0; c < columns; c++) {
        squares += Math.pow(in.data()[in.index(r) + c] - m, 2);
      }
      double s = 1 / Math.sqrt(squares / columns + EPSILON);
      double meanBound = steps * absolute / columns;
      assertEquals(m, mean[r], meanBound + Double.MIN_VALUE, "mean of row " + r);
      double share = 2 * (steps + meanBound * s); // of rstd
      assertEquals(s, rstd[r], share * s, "rstd of row " + r);
      for (int c = 0; c < columns; c++) {
        double x = in.data()[in.index(r) + c];
        double expected = (x - m) * s * weight[c] + bias[c];
        double bound =
            s * Math.abs(weight[c]) * (meanBound + 2 * (share + ULP) * Math.abs(x - m))
                + 2 * ULP * (Math.abs(expected) + Math.abs(bias[c]) + Math.abs(x * ULP));
        assertEquals(expected, out[r * columns + c], bound, "row " + r + ", column " + c);
      }
    }
  }

  @Test
  void theSumsOfTheVectorTwinAreTheScalarOnes() {
    assumeTrue(Simd.VECTOR, "no vector kernels in this JVM");
    for (int columns : SIZES) {
      float[] x = new RandomData(columns).floats(columns + 3, ElementType.F32);
      float[] expected = new float[LayerNorm.PARTIAL_SUMS];
      LayerNorm.addScalar(expected, x, 3, 0, columns);
      float[] sums = new float[LayerNorm.PARTIAL_SUMS];
      Arrays.fill(sums, Float.NaN);
      int done = VectorLayerNorm.sums(sums, x, 3, columns);
      LayerNorm.addScalar(sums, x, 3, done, columns);
      assertArrayEquals(expected, sums);
      Arrays.fill(expected, 0f);
      LayerNorm.addSquaresScalar(expected, x, 3, 0.3f, 0, columns);
      Arrays.fill(sums, Float.NaN);
      done = VectorLayerNorm.squares(sums, x, 3, 0.3f, columns);
      LayerNorm.addSquaresScalar(sums, x, 3, 0.3f, done, columns);
      assertArrayEquals(expected, sums);
    }
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      FloatMatrix out = FloatMatrix.allocate(2, 4);
      float[] two = new float[2];
      float[] four = new float[4];
      Refusal.of(
          "in: (2, 3), needed (2, 4)",
          () ->
              LayerNorm.forward(
                  workers, out, two, two, FloatMatrix.allocate(2, 3), four, four, EPSILON));
      Refusal.of(
          "weight: (2), needed (4)",
          () -> LayerNorm.forward(workers, out, two, two, out, two, four, EPSILON));
      Refusal.of(
          "bias: (2), needed (4)",
          () -> LayerNorm.forward(workers, out, two, two, out, four, two, EPSILON));
      Refusal.of(
          "mean: (1), needed at least (2)",
          () -> LayerNorm.forward(workers, out, new float[1], two, out, four, four, EPSILON));
    }
  }
}
