package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("brief")
class LinearBackwardTest {
  private static final int[] SIZES = {1, 2, 15, 16, 17, 31, 33, 80, 100, 161};
  private static final int[] ROWS = {1, 3, 4, 13, 37};
  private static final Blocking SMALL = new Blocking(8, 16, 32, 64);

  /** The documented order: from 0, one fused multiply-add per output feature. */
  private static void addInput(float[] dIn, FloatMatrix dOut, float[] weight, int k) {
    int n = dOut.columns();
    for (int r = 0; r < dOut.rows(); r++) {
      for (int i = 0; i < k; i++) {
        float sum = dIn[r * k + i];
        for (int j = 0; j < n; j++) {
          sum = Math.fma(weight[j * k + i], dOut.data()[dOut.index(r) + j], sum);
        }
        dIn[r * k + i] = sum;
      }
    }
  }

  /** The documented order: from what is there, one fused multiply-add per token row. */
  private static void addWeight(float[] dWeight, FloatMatrix dOut, FloatMatrix in) {
    for (int j = 0; j < dOut.columns(); j++) {
      for (int i = 0; i < in.columns(); i++) {
        float sum = dWeight[j * in.columns() + i];
        for (int r = 0; r < in.rows(); r++) {
          sum = Math.fma(dOut.data()[dOut.index(r) + j], in.data()[in.index(r) + i], sum);
        }
        dWeight[j * in.columns() + i] = sum;
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

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void everyInputGradientIsTheDocumentedChain(ElementType type) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(SMALL)) {
      for (int n : SIZES) {
        for (int k : SIZES) {
          RandomData random = new RandomData(n * 1000L + k);
          float[] values = random.floats(n * k, type);
          Weights weights = RandomData.weights(arena, type, n, k, values);
          for (int rows : ROWS) {
            FloatMatrix dOut = random.matrix(rows, n);
            Canary dIn = new Canary(rows, k);
            Linear.backwardInput(workers, dIn.matrix, new Linear.InputGradient(dOut, weights));
            float[] expected = new float[rows * k];
            addInput(expected, dOut, values, k);
            assertArrayEquals(expected, dIn.values(), type + " " + rows + "x" + k + "x" + n);
          }
        }
      }
    }
  }

  /** More features than are packed at once. */
  @Test
  void longSidesAreTheSameChain() {
    int many = 2_600;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(3);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(3);
      float[] values = random.floats(many * 33, ElementType.BF16);
      Weights weights = RandomData.weights(arena, ElementType.BF16, many, 33, values);
      FloatMatrix dOut = random.matrix(13, many);
      Canary dIn = new Canary(13, 33);
      Linear.backwardInput(workers, dIn.matrix, new Linear.InputGradient(dOut, weights));
      float[] expected = new float[13 * 33];
      addInput(expected, dOut, values, 33);
      assertArrayEquals(expected, dIn.values());
      Weights dWeight = Weights.allocate(arena, ElementType.F32, 33, many);
      FloatMatrix narrow = random.matrix(13, 33);
      Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, narrow, dOut));
      float[] sum = new float[33 * many];
      addWeight(sum, narrow, dOut);
      assertArrayEquals(sum, rows(dWeight));
    }
  }

  @Test
  void everyWeightGradientIsTheDocumentedChainAndPaddingStaysZero() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(SMALL)) {
      for (int n : SIZES) {
        for (int k : new int[] {1, 2, 17, 33, 100, 485}) {
          RandomData random = new RandomData(n * 1000L + k);
          for (int rows : ROWS) {
            FloatMatrix dOut = random.matrix(rows, n);
            FloatMatrix in = random.matrix(rows, k);
            float[] before = random.floats(n * k, ElementType.F32);
            Weights dWeight = RandomData.weights(arena, ElementType.F32, n, k, before);
            Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, dOut, in));
            addWeight(before, dOut, in);
            assertArrayEquals(before, rows(dWeight), rows + "x" + k + "x" + n);
            assertPaddingIsZero(dWeight);
            Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, dOut, in, true));
            float[] alone = new float[n * k];
            addWeight(alone, dOut, in);
            assertArrayEquals(alone, rows(dWeight), "overwritten " + rows + "x" + k + "x" + n);
            assertPaddingIsZero(dWeight);
          }
        }
      }
    }
  }

  private static void assertPaddingIsZero(Weights weights) {
    float[] line = new float[Weights.PANEL_ROWS];
    for (int panel = 0; panel < weights.panels(); panel++) {
      for (int k = 0; k < weights.columns(); k++) {
        ScalarProduct.widen(weights, panel, k, k + 1, line);
        for (int j = weights.rowsOf(panel); j < line.length; j++) {
          assertEquals(0f, line[j], "panel " + panel + ", line " + k + ", row " + j);
        }
      }
    }
  }

  @Test
  void partsAreOneChainInTheirOrder() {
    int k = 70;
    int[] sizes = {40, 7, 64, 100};
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(5);
      for (int rows : new int[] {2, 29}) {
        FloatMatrix x = random.matrix(rows, k);
        FloatMatrix y = random.matrix(rows, 33);
        Linear.InputGradient[] inputs = new Linear.InputGradient[sizes.length];
        Linear.WeightGradient[] weights = new Linear.WeightGradient[sizes.length];
        float[] dIn = new float[rows * k];
        float[][] dWeights = new float[sizes.length][];
        for (int i = 0; i < sizes.length; i++) {
          FloatMatrix dOut = random.matrix(rows, sizes[i]);
          FloatMatrix in = i < 2 ? x : y;
          float[] values = random.floats(sizes[i] * k, ElementType.BF16);
          inputs[i] =
              new Linear.InputGradient(
                  dOut, RandomData.weights(arena, ElementType.BF16, sizes[i], k, values));
          weights[i] =
              new Linear.WeightGradient(
                  Weights.allocate(arena, ElementType.F32, sizes[i], in.columns()), dOut, in);
          addInput(dIn, dOut, values, k);
          dWeights[i] = new float[sizes[i] * in.columns()];
          addWeight(dWeights[i], dOut, in);
        }
        Canary found = new Canary(rows, k);
        Linear.backwardInput(workers, found.matrix, inputs);
        assertArrayEquals(dIn, found.values());
        Linear.backwardWeight(workers, weights);
        for (int i = 0; i < sizes.length; i++) {
          assertArrayEquals(dWeights[i], rows(weights[i].dWeight()), "part " + i);
        }
      }
    }
  }

  @Test
  void anyNumberOfThreadsAndAnyBlocksGiveTheSameBits() {
    int rows = 50;
    int n = 75 * Weights.PANEL_ROWS + 5; // some panels share a unit, the last ones do not
    int k = 500;
    RandomData random = new RandomData(11);
    FloatMatrix in = random.matrix(rows, k);
    FloatMatrix dOut = random.matrix(rows, n);
    float[] values = random.floats(n * k, ElementType.F16);
    float[] dInput = null;
    float[] dWeights = null;
    for (int threads : new int[] {1, 2, 3, 8}) {
      for (Blocking blocking : new Blocking[] {SMALL, Blocking.defaults()}) {
        try (Arena arena = Arena.ofShared();
            WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers(blocking)) {
          Weights weights = RandomData.weights(arena, ElementType.F16, n, k, values);
          FloatMatrix dIn = FloatMatrix.allocate(rows, k);
          Linear.backwardInput(workers, dIn, new Linear.InputGradient(dOut, weights));
          Weights dWeight = Weights.allocate(arena, ElementType.F32, n, k);
          Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, dOut, in));
          dInput = dInput == null ? dIn.data() : dInput;
          dWeights = dWeights == null ? rows(dWeight) : dWeights;
          assertArrayEquals(dInput, dIn.data(), threads + " threads");
          assertArrayEquals(dWeights, rows(dWeight), threads + " threads");
          Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, dOut, in, true));
          assertArrayEquals(dWeights, rows(dWeight), threads + " threads, overwritten");
        }
      }
    }
  }

  @Test
  void biasGradientsAreSumsOverTheRowsInOrder() {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      FloatMatrix dOut = new RandomData(2).matrix(19, 1300);
      for (int first : new int[] {0, 7}) {
        for (int count : new int[] {0, 1, 513, 1293}) {
          float[] found = new float[count];
          Arrays.fill(found, 1f);
          float[] expected = found.clone();
          for (int r = 0; r < 19; r++) {
            for (int i = 0; i < count; i++) {
              expected[i] += dOut.data()[dOut.index(r) + first + i];
            }
          }
          Linear.backwardBias(workers, found, dOut, first);
          assertArrayEquals(expected, found);
        }
      }
    }
  }

  /** The gradients of Σ out · c for out = in · Wᵀ + b are linear, so differences are exact. */
  @Test
  void gradientsAreTheCentralDifferencesOfADoubleLoss() {
    int rows = 5;
    int n = 34;
    int k = 19;
    RandomData random = new RandomData(9);
    float[] w = random.floats(n * k, ElementType.F32);
    FloatMatrix in = random.matrix(rows, k);
    FloatMatrix dOut = random.matrix(rows, n);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      FloatMatrix dIn = FloatMatrix.allocate(rows, k);
      Weights weights = RandomData.weights(arena, ElementType.F32, n, k, w);
      Linear.backwardInput(workers, dIn, new Linear.InputGradient(dOut, weights));
      Weights dWeight = Weights.allocate(arena, ElementType.F32, n, k);
      Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, dOut, in));
      float[] dw = rows(dWeight);
      for (int i : new int[] {0, 18, 19, 94}) {
        int at = in.offset() + i;
        double expected = difference(x -> loss(in, w, dOut), in.data(), at);
        assertEquals(expected, dIn.data()[i], 1e-4, "dIn " + i);
      }
      for (int i : new int[] {0, 18, 19, 33 * 19 + 18}) {
        assertEquals(difference(x -> loss(in, w, dOut), w, i), dw[i], 1e-4, "dW " + i);
      }
    }
  }

  private static double difference(
      java.util.function.ToDoubleFunction<float[]> loss, float[] values, int at) {
    float kept = values[at];
    values[at] = kept + 0.5f;
    double step = values[at];
    double above = loss.applyAsDouble(values);
    values[at] = kept - 0.5f;
    step -= values[at];
    double below = loss.applyAsDouble(values);
    values[at] = kept;
    return (above - below) / step;
  }

  private static double loss(FloatMatrix in, float[] w, FloatMatrix dOut) {
    double loss = 0;
    for (int r = 0; r < in.rows(); r++) {
      for (int j = 0; j < dOut.columns(); j++) {
        double out = 0;
        for (int i = 0; i < in.columns(); i++) {
          out += (double) in.data()[in.index(r) + i] * w[j * in.columns() + i];
        }
        loss += out * dOut.data()[dOut.index(r) + j];
      }
    }
    return loss;
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      Weights weights = Weights.allocate(arena, ElementType.F32, 5, 4);
      FloatMatrix five = FloatMatrix.allocate(2, 5);
      FloatMatrix four = FloatMatrix.allocate(2, 4);
      FloatMatrix longer = FloatMatrix.allocate(3, 4);
      Refusal.of("dOut: (2, 4), needed (2, 5)", () -> new Linear.InputGradient(four, weights));
      Refusal.of(
          "dIn: (2, 5), needed (2, 4)",
          () -> Linear.backwardInput(workers, five, new Linear.InputGradient(five, weights)));
      Refusal.of(
          "dOut: (2, 5), needed (3, 5)",
          () -> Linear.backwardInput(workers, longer, new Linear.InputGradient(five, weights)));
      Refusal.of("in: (2, 5), needed (2, 4)", () -> new Linear.WeightGradient(weights, five, five));
      Refusal.of(
          "dOut: (2, 5), needed (3, 5)", () -> new Linear.WeightGradient(weights, five, longer));
      Weights half = Weights.allocate(arena, ElementType.F16, 5, 4);
      Refusal.of("dWeight: F16, needed F32", () -> new Linear.WeightGradient(half, five, four));
      Refusal.of(
          "dBias: (3) from 3, dOut has 5 columns",
          () -> Linear.backwardBias(workers, new float[3], five, 3));
    }
  }
}
