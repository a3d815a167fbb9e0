package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Products of the block types' weights. */
@Tag("brief")
class BlockProductTest {
  private static final int[] SIZES = {1, 15, 17, 31, 33, 64, 65, 161};
  private static final int[] COLUMNS = {32, 64, 96, 352};
  private static final int[] ROWS = {1, 2, 3, 4, 5, 10, 11, 13, 29};

  /** The documented order, written out: bias first, one fused multiply-add per feature. */
  private static float[] exact(FloatMatrix in, float[] weight, float[] bias) {
    int n = bias.length;
    int k = in.columns();
    float[] out = new float[in.rows() * n];
    for (int r = 0; r < in.rows(); r++) {
      for (int j = 0; j < n; j++) {
        float sum = bias[j];
        for (int i = 0; i < k; i++) {
          sum = Math.fma(weight[j * k + i], in.data()[in.index(r) + i], sum);
        }
        out[r * n + j] = sum;
      }
    }
    return out;
  }

  /** The documented order with inputs of 8 bits: one fused multiply-add per block. */
  private static float[] eightBits(FloatMatrix in, float[] weight, float[] bias) {
    int n = bias.length;
    int k = in.columns();
    float[] out = new float[in.rows() * n];
    for (int r = 0; r < in.rows(); r++) {
      for (int j = 0; j < n; j++) {
        float sum = bias[j];
        for (int b = 0; b < k; b += 32) {
          float largest = 0;
          float largestWeight = 0;
          for (int i = b; i < b + 32; i++) {
            largest = Math.max(largest, Math.abs(in.data()[in.index(r) + i]));
            float w = weight[j * k + i];
            largestWeight = Math.abs(w) > Math.abs(largestWeight) ? w : largestWeight;
          }
          float dx = largest / 127;
          float dw = largestWeight / -8;
          int exact = 0;
          for (int i = b; i < b + 32; i++) {
            int x = dx == 0 ? 0 : (int) Math.rint(in.data()[in.index(r) + i] * (1 / dx));
            exact += x * (dw == 0 ? 0 : (int) (weight[j * k + i] / dw));
          }
          sum = Math.fma((float) exact, dw * dx, sum);
        }
        out[r * n + j] = sum;
      }
    }
    return out;
  }

  private static float[] reference(ElementType type, FloatMatrix in, float[] weight, float[] bias) {
    return type == ElementType.Q4_0 ? eightBits(in, weight, bias) : exact(in, weight, bias);
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void everyOutputIsTheDocumentedChain(ElementType type) {
    for (int threads : new int[] {1, 2, 3, 8}) {
      try (Arena arena = Arena.ofShared();
          WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers(new Blocking(8, 16, 48, 64))) {
        for (int n : SIZES) {
          for (int k : COLUMNS) {
            RandomData random = new RandomData(n * 1000L + k);
            float[] values = random.floats(n * k, type);
            Weights weights = RandomData.weights(arena, type, n, k, values);
            float[] bias = random.floats(n, ElementType.F32);
            for (int rows : ROWS) {
              FloatMatrix in = random.matrix(rows, k);
              Canary out = new Canary(rows, n);
              Linear.forward(workers, new Linear.Product(out.matrix, in, weights, bias));
              String size = type + " " + rows + "x" + k + "x" + n;
              assertArrayEquals(reference(type, in, values, bias), out.values(), size);
              Linear.forwardExact(workers, new Linear.Product(out.matrix, in, weights, bias));
              assertArrayEquals(exact(in, values, bias), out.values(), "exact " + size);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void aViewThatStartsInsideAGroupGivesItsRows(ElementType type) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(9);
      int k = 64;
      float[] values = random.floats(200 * k, type);
      Weights weights = RandomData.weights(arena, type, 200, k, values);
      for (int first : new int[] {32, 96, 160}) {
        for (int count : new int[] {1, 33, 40}) {
          float[] own = Arrays.copyOfRange(values, first * k, (first + count) * k);
          float[] bias = random.floats(count, ElementType.F32);
          for (int rows : new int[] {1, 3, 13}) {
            FloatMatrix in = random.matrix(rows, k);
            Canary out = new Canary(rows, count);
            Weights view = weights.rows(first, count);
            Linear.forward(workers, new Linear.Product(out.matrix, in, view, bias));
            assertArrayEquals(reference(type, in, own, bias), out.values(), first + " " + rows);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void gradientsTowardsTheInputUseTheExactValues(ElementType type) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(new Blocking(8, 16, 32, 64))) {
      for (int n : SIZES) {
        for (int k : COLUMNS) {
          RandomData random = new RandomData(n + k);
          float[] values = random.floats(n * k, type);
          Weights weights = RandomData.weights(arena, type, n, k, values);
          FloatMatrix dOut = random.matrix(5, n);
          Canary dIn = new Canary(5, k);
          Linear.backwardInput(workers, dIn.matrix, new Linear.InputGradient(dOut, weights));
          float[] expected = new float[5 * k];
          for (int r = 0; r < 5; r++) {
            for (int c = 0; c < k; c++) {
              float sum = 0;
              for (int j = 0; j < n; j++) {
                sum = Math.fma(values[j * k + c], dOut.data()[dOut.index(r) + j], sum);
              }
              expected[r * k + c] = sum;
            }
          }
          assertArrayEquals(expected, dIn.values(), n + "x" + k);
        }
      }
    }
  }

  @Test
  void inputsThatAreNotFiniteGiveNan() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(2);
      float[] values = random.floats(70 * 64, ElementType.Q4_0);
      Weights weights = RandomData.weights(arena, ElementType.Q4_0, 70, 64, values);
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        for (int rows : new int[] {1, 13}) {
          FloatMatrix in = random.matrix(rows, 64);
          in.data()[in.index(rows - 1) + 40] = bad;
          FloatMatrix out = FloatMatrix.allocate(rows, 70);
          Linear.forward(workers, new Linear.Product(out, in, weights, new float[70]));
          for (int j = 0; j < 70; j++) {
            assertTrue(Float.isNaN(out.data()[out.index(rows - 1) + j]));
            assertTrue(rows == 1 || Float.isFinite(out.data()[j]));
          }
        }
      }
    }
  }

  /** One call may hold all types, with inputs shared and not. */
  @Test
  void productsOfAllTypesShareOneCall() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(3);
      for (int rows : new int[] {1, 3, 6, 20}) {
        FloatMatrix x = random.matrix(rows, 64);
        FloatMatrix y = random.matrix(rows, 96);
        List<Linear.Product> products = new ArrayList<>();
        List<float[]> expected = new ArrayList<>();
        for (FloatMatrix in : List.of(x, y)) {
          for (ElementType type : ElementType.values()) {
            int n = 40 + 31 * products.size();
            float[] values = random.floats(n * in.columns(), type);
            Weights weights = RandomData.weights(arena, type, n, in.columns(), values);
            float[] bias = random.floats(n, ElementType.F32);
            FloatMatrix out = FloatMatrix.allocate(rows, n);
            products.add(new Linear.Product(out, in, weights, bias));
            expected.add(reference(type, in, values, bias));
          }
        }
        Linear.forward(workers, products.toArray(Linear.Product[]::new));
        for (int i = 0; i < products.size(); i++) {
          assertArrayEquals(expected.get(i), products.get(i).out().data(), rows + " product " + i);
        }
      }
    }
  }
}
