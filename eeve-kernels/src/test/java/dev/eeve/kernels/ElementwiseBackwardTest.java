package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class ElementwiseBackwardTest {
  private static final int[] SIZES = {1, 2, 15, 16, 17, 31, 33, 80, 100, 2560};

  private static double gelu(double x) {
    return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  private static double slope(DoubleUnaryOperator f, double x) {
    double step = 1e-5;
    return (f.applyAsDouble(x + step) - f.applyAsDouble(x - step)) / (2 * step);
  }

  @Test
  void geluGradientsAreTheSlopesOfTheDoubleFunction() {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int size : SIZES) {
        RandomData random = new RandomData(size);
        FloatMatrix in = random.matrix(3, size);
        for (int i = 0; i < 3 * size; i++) {
          in.data()[in.offset() + i] *= 4;
        }
        FloatMatrix dOut = random.matrix(3, size);
        Canary dIn = new Canary(3, size);
        Gelu.backward(workers, dIn.matrix, dOut, in);
        float[] found = dIn.values();
        float[] scalar = new float[3 * size];
        Gelu.scalarBackward(
            scalar, 0, dOut.data(), dOut.offset(), in.data(), in.offset(), 3 * size);
        assertArrayEquals(scalar, found);
        for (int i = 0; i < found.length; i++) {
          double g = dOut.data()[dOut.offset() + i];
          double expected = g * slope(ElementwiseBackwardTest::gelu, in.data()[in.offset() + i]);
          assertEquals(expected, found[i], 4e-6 * Math.abs(g) + 1e-9);
        }
        Gelu.backward(workers, dOut, dOut, in);
        assertArrayEquals(
            found, Arrays.copyOfRange(dOut.data(), dOut.offset(), dOut.offset() + 3 * size));
      }
    }
  }

  @Test
  void geluGradientsOfLargeInputsAreOneAndZero() {
    FloatMatrix in = new FloatMatrix(new float[] {50f, -50f, 1000f, -1000f, 0f}, 0, 1, 5);
    FloatMatrix ones = new FloatMatrix(new float[] {1f, 1f, 1f, 1f, 1f}, 0, 1, 5);
    FloatMatrix dIn = FloatMatrix.allocate(1, 5);
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      Gelu.backward(workers, dIn, ones, in);
    }
    float[] found = dIn.data();
    assertArrayEquals(new float[] {1f, 0f, 1f, 0f, 0.5f}, found, 1e-20f);
  }

  /** {@code Σ dOut · norm(in)} in double. */
  private static double normLoss(FloatMatrix in, FloatMatrix dOut, float[] weight) {
    double loss = 0;
    for (int r = 0; r < in.rows(); r++) {
      double mean = 0;
      double square = 0;
      for (int i = 0; i < in.columns(); i++) {
        mean += in.data()[in.index(r) + i] / (double) in.columns();
      }
      for (int i = 0; i < in.columns(); i++) {
        square += Math.pow(in.data()[in.index(r) + i] - mean, 2) / in.columns();
      }
      for (int i = 0; i < in.columns(); i++) {
        double y = (in.data()[in.index(r) + i] - mean) / Math.sqrt(square + 1e-5f);
        loss += y * weight[i] * dOut.data()[dOut.index(r) + i];
      }
    }
    return loss;
  }

  @Test
  void layerNormGradientsAreTheCentralDifferencesOfADoubleLoss() {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int columns : new int[] {15, 16, 17, 33, 100}) {
        int rows = 3;
        RandomData random = new RandomData(columns);
        FloatMatrix in = random.matrix(rows, columns);
        FloatMatrix dOut = random.matrix(rows, columns);
        float[] weight = random.floats(columns, ElementType.F32);
        float[] mean = new float[rows];
        float[] rstd = new float[rows];
        FloatMatrix out = FloatMatrix.allocate(rows, columns);
        LayerNorm.forward(workers, out, mean, rstd, in, weight, new float[columns], 1e-5f);
        Canary dIn = new Canary(rows, columns);
        dIn.fill(1f);
        LayerNorm.backward(workers, dIn.matrix, dOut, in, weight, mean, rstd);
        float[] found = dIn.values();
        float[] dWeight = new float[columns];
        Arrays.fill(dWeight, 1f);
        LayerNorm.backwardWeight(workers, dWeight, dOut, in, 0, mean, rstd);
        double error = 0;
        double length = 0;
        for (int i = 0; i < rows * columns; i++) {
          double expected = difference(in, dOut, weight, in.data(), in.offset() + i);
          error += Math.pow(expected + 1 - found[i], 2);
          length += expected * expected;
        }
        assertTrue(Math.sqrt(error) < 2e-4 * Math.sqrt(length) + 1e-5, "dIn, C " + columns);
        for (int i = 0; i < columns; i++) {
          double expected = difference(in, dOut, weight, weight, i) + 1;
          assertEquals(expected, dWeight[i], 1e-4 * (1 + Math.abs(expected)), "dWeight " + i);
        }
        float[] part = new float[columns - 1];
        Arrays.fill(part, 1f);
        LayerNorm.backwardWeight(workers, part, dOut, in, 1, mean, rstd);
        assertArrayEquals(Arrays.copyOfRange(dWeight, 1, columns), part);
      }
    }
  }

  private static double difference(
      FloatMatrix in, FloatMatrix dOut, float[] weight, float[] values, int at) {
    float kept = values[at];
    values[at] = kept + 0x1p-9f;
    double step = values[at];
    double above = normLoss(in, dOut, weight);
    values[at] = kept - 0x1p-9f;
    step -= values[at];
    double below = normLoss(in, dOut, weight);
    values[at] = kept;
    return (above - below) / step;
  }

  @Test
  void rotatingBackUndoesTheRotationOfGradients() {
    RotaryEmbedding rotary = new RotaryEmbedding(6, 10, 10_000, 50);
    FloatMatrix x = new RandomData(1).matrix(37, 30);
    FloatMatrix y = new RandomData(2).matrix(37, 30);
    FloatMatrix rotated = new FloatMatrix(x.data().clone(), x.offset(), 37, 30);
    FloatMatrix alone = new FloatMatrix(x.data().clone(), x.offset(), 37, 30);
    FloatMatrix back = new FloatMatrix(y.data().clone(), y.offset(), 37, 30);
    try (WorkerPool pool = new WorkerPool(3);
        Workers workers = pool.workers()) {
      rotary.forward(workers, rotated, 5);
      rotary.forward(alone, 5);
      assertArrayEquals(alone.data(), rotated.data(), "shared out among threads");
      rotary.backward(workers, back, 5);
      double forward = 0; // a rotation's transpose: (R x) · y = x · (Rᵀ y)
      double backward = 0;
      for (int i = x.offset(); i < x.offset() + 37 * 30; i++) {
        forward += (double) rotated.data()[i] * y.data()[i];
        backward += (double) x.data()[i] * back.data()[i];
      }
      assertEquals(forward, backward, 1e-4);
      rotary.backward(workers, rotated, 5);
    }
    assertArrayEquals(x.data(), rotated.data(), 1e-6f);
  }

  @Test
  void embeddingGradientsGatherInTheOrderOfTheTokens() {
    try (Arena arena = Arena.ofShared()) {
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers()) {
          int columns = 531;
          int[] ids = {99, 40, 7, 40, 39, 75, 40, 74, 76};
          FloatMatrix dOut = new RandomData(4).matrix(8, columns);
          Weights dWeight = Weights.allocate(arena, ElementType.F32, 36, columns);
          float[] expected = new float[36 * columns];
          for (int r = 0; r < 8; r++) {
            int row = ids[r + 1] - 40;
            for (int i = 0; row >= 0 && row < 36 && i < columns; i++) {
              expected[row * columns + i] += dOut.data()[dOut.index(r) + i];
            }
          }
          Embedding.backward(workers, dWeight, 40, dOut, ids, 1);
          float[] found = new float[36 * columns];
          for (int row = 0; row < 36; row++) {
            dWeight.row(row, found, row * columns);
          }
          assertArrayEquals(expected, found);
        }
      }
    }
  }

  @Test
  void dropoutDropsItsShareAndTheBackwardPassTheSameElements() {
    int count = 40 * 2560;
    FloatMatrix ones = FloatMatrix.allocate(40, 2560);
    Arrays.fill(ones.data(), 1f);
    float[] first = null;
    for (int threads : new int[] {1, 2, 3}) {
      try (WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers()) {
        Canary out = new Canary(40, 2560);
        Dropout.forward(workers, out.matrix, ones, 0.1, 42);
        float[] found = out.values();
        int dropped = 0;
        for (float value : found) {
          dropped += value == 0 ? 1 : 0;
          assertTrue(value == 0 || value == (float) (1 / 0.9));
        }
        assertEquals(0.1, dropped / (double) count, 5 * Math.sqrt(0.09 / count));
        first = first == null ? found : first;
        assertArrayEquals(first, found);
        Canary back = new Canary(40, 2560);
        Dropout.backward(workers, back.matrix, ones, 0.1, 42);
        assertArrayEquals(first, back.values());
        Dropout.forward(workers, back.matrix, ones, 0.1, 43);
        int same = 0;
        for (int i = 0; i < count; i++) {
          same += back.matrix.data()[back.matrix.offset() + i] == found[i] ? 1 : 0;
        }
        assertEquals(0.82, same / (double) count, 5 * Math.sqrt(0.82 * 0.18 / count));
        Dropout.forward(workers, back.matrix, ones, 0, 43);
        assertArrayEquals(ones.data(), back.values());
      }
    }
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    FloatMatrix two = FloatMatrix.allocate(2, 3);
    FloatMatrix three = FloatMatrix.allocate(3, 3);
    float[] c = new float[3];
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      Refusal.of("dOut: (3, 3), needed (2, 3)", () -> Gelu.backward(workers, two, three, two));
      Refusal.of("in: (3, 3), needed (2, 3)", () -> Gelu.backward(workers, two, two, three));
      Refusal.of(
          "dOut: (3, 3), needed (2, 3)",
          () -> LayerNorm.backward(workers, two, three, two, c, c, c));
      Refusal.of(
          "mean: (1), needed at least (2)",
          () -> LayerNorm.backward(workers, two, two, two, c, new float[1], c));
      Refusal.of(
          "dWeight: (3) from 1, in has 3 columns",
          () -> LayerNorm.backwardWeight(workers, c, two, two, 1, c, c));
      Refusal.of("in: (3, 3), needed (2, 3)", () -> Dropout.forward(workers, two, three, 0.5, 0));
      Refusal.of(
          "dOut: (3, 3), needed (2, 3)", () -> Dropout.backward(workers, two, three, 0.5, 0));
      Refusal.of(
          "probability: 1.0, needed 0 to less than 1",
          () -> Dropout.forward(workers, two, two, 1, 0));
      Weights half = Weights.allocate(arena, ElementType.F16, 4, 3);
      Refusal.of(
          "dWeight: F16, needed F32",
          () -> Embedding.backward(workers, half, 0, two, new int[2], 0));
      Weights gradient = Weights.allocate(arena, ElementType.F32, 4, 3);
      Refusal.of(
          "ids: 2 from 1, needed 2",
          () -> Embedding.backward(workers, gradient, 0, two, new int[2], 1));
    }
  }
}
