package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("brief")
class LinearTest {
  private static final int[] SIZES = {1, 2, 15, 16, 17, 31, 33, 80, 100, 161};
  private static final int[] ROWS = {1, 2, 3, 4, 5, 8, 13, 32, 33, 41};

  /** The documented order, written out: bias first, one fused multiply-add per feature. */
  private static float[] reference(FloatMatrix in, float[] weight, float[] bias) {
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

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void everyOutputIsTheDocumentedChainOfFusedMultiplyAdds(ElementType type) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(new Blocking(8, 16, 32, 64))) {
      for (int n : SIZES) {
        for (int k : SIZES) {
          RandomData random = new RandomData(n * 1000L + k);
          float[] values = random.floats(n * k, type);
          Weights weights = RandomData.weights(arena, type, n, k, values);
          float[] bias = random.floats(n, ElementType.F32);
          for (int rows : ROWS) {
            FloatMatrix in = random.matrix(rows, k);
            Canary out = new Canary(rows, n);
            Linear.forward(workers, new Linear.Product(out.matrix, in, weights, bias));
            assertArrayEquals(
                reference(in, values, bias), out.values(), type + " " + rows + "x" + k + "x" + n);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void theScalarTwinGivesTheSameBits(ElementType type) {
    try (Arena arena = Arena.ofShared()) {
      for (int k : SIZES) {
        RandomData random = new RandomData(k);
        float[] values = random.floats(32 * k, type);
        Weights weights = RandomData.weights(arena, type, 32, k, values);
        FloatMatrix in = random.matrix(3, k);
        float[] block = new float[32 * k];
        ScalarProduct.widen(weights, 0, 0, k, block);
        float[] blocked = new float[3 * 32];
        ScalarProduct.addBlock(blocked, in, 0, k, block);
        float[] single = new float[3 * 32];
        for (int r = 0; r < 3; r++) {
          ScalarProduct.addFeatures(
              single, r * 32, in.data(), in.index(r), weights, 0, 0, k, new float[32]);
        }
        float[] expected = reference(in, values, new float[32]);
        assertArrayEquals(expected, blocked);
        assertArrayEquals(expected, single);
      }
    }
  }

  @Test
  void aResultDependsOnItsOwnRowsAlone() {
    int n = 100;
    int k = 333;
    try (Arena arena = Arena.ofShared();
        WorkerPool one = new WorkerPool(1);
        Workers alone = one.workers()) {
      RandomData random = new RandomData(7);
      float[] values = random.floats(n * k, ElementType.BF16);
      Weights weights = RandomData.weights(arena, ElementType.BF16, n, k, values);
      float[] bias = random.floats(n, ElementType.F32);
      FloatMatrix in = random.matrix(64, k);
      FloatMatrix first = FloatMatrix.allocate(64, n);
      Linear.forward(alone, new Linear.Product(first, in, weights, bias));
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers(new Blocking(8, 16, 32, 64))) {
          for (int rows : new int[] {1, 3, 8, 64}) {
            for (int from = 0; from + rows <= 64; from += rows) {
              FloatMatrix out = FloatMatrix.allocate(rows, n);
              Linear.forward(workers, new Linear.Product(out, in.rows(from, rows), weights, bias));
              assertArrayEquals(
                  Arrays.copyOfRange(first.data(), from * n, (from + rows) * n), out.data());
            }
          }
        }
      }
    }
  }

  @Test
  void severalProductsShareOneCall() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(3);
      for (int rows : new int[] {1, 6, 40}) {
        FloatMatrix x = random.matrix(rows, 48);
        FloatMatrix y = random.matrix(rows, 70);
        Linear.Product[] products = new Linear.Product[5];
        float[][] expected = new float[5][];
        int[] sizes = {40, 7, 64, 33, 100};
        for (int i = 0; i < 5; i++) {
          FloatMatrix in = i < 3 ? x : y;
          float[] values = random.floats(sizes[i] * in.columns(), ElementType.F16);
          float[] bias = random.floats(sizes[i], ElementType.F32);
          products[i] =
              new Linear.Product(
                  FloatMatrix.allocate(rows, sizes[i]),
                  in,
                  RandomData.weights(arena, ElementType.F16, sizes[i], in.columns(), values),
                  bias);
          expected[i] = reference(in, values, bias);
        }
        Linear.forward(workers, products);
        for (int i = 0; i < 5; i++) {
          assertArrayEquals(expected[i], products[i].out().data(), "product " + i);
        }
      }
    }
  }

  /** From 2^16 on, scaling the input of F16 weights would pass the largest float. */
  @Test
  void largeInputsOfF16WeightsKeepTheirBits() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(5);
      float[] values = random.floats(70 * 33, ElementType.F16);
      values[0] = 0x1p-24f; // the smallest F16
      Weights weights = RandomData.weights(arena, ElementType.F16, 70, 33, values);
      float[] bias = random.floats(70, ElementType.F32);
      for (float large : new float[] {65535.996f, 65536f, -1e30f, Float.MIN_VALUE}) {
        for (int rows : new int[] {1, 2, 5, 30, 40}) {
          FloatMatrix in = random.matrix(rows, 33);
          in.data()[in.index(rows - 1)] = large;
          in.data()[in.index(rows - 1) + 32] = large;
          Canary out = new Canary(rows, 70);
          Linear.forward(workers, new Linear.Product(out.matrix, in, weights, bias));
          assertArrayEquals(reference(in, values, bias), out.values(), rows + " rows, " + large);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void aViewThatStartsInsideAGroupGivesItsRows(ElementType type) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      RandomData random = new RandomData(9);
      int k = 50;
      float[] values = random.floats(200 * k, type);
      Weights weights = RandomData.weights(arena, type, 200, k, values);
      for (int first : new int[] {32, 96, 160}) {
        for (int count : new int[] {1, 33, 40}) {
          float[] own = Arrays.copyOfRange(values, first * k, (first + count) * k);
          float[] bias = random.floats(count, ElementType.F32);
          for (int rows : new int[] {1, 3, 13, 40}) {
            FloatMatrix in = random.matrix(rows, k);
            Canary out = new Canary(rows, count);
            Weights view = weights.rows(first, count);
            Linear.forward(workers, new Linear.Product(out.matrix, in, view, bias));
            assertArrayEquals(reference(in, own, bias), out.values(), first + " " + rows);
          }
        }
      }
    }
  }

  /** Over many rows, features are packed in stretches; the chain goes on where one ends. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void aLongProductOverManyRowsIsTheSameChain(ElementType type) {
    int n = 70;
    int k = type == ElementType.Q8_0 ? 5152 : 5153;
    RandomData random = new RandomData(11);
    float[] bias = random.floats(n, ElementType.F32);
    FloatMatrix in = random.matrix(257, k);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(3);
        Workers workers = pool.workers()) {
      Weights weights =
          RandomData.weights(arena, type, n, k, random.floats(n * k, ElementType.F32));
      float[] values = new float[n * k];
      for (int r = 0; r < n; r++) {
        weights.row(r, values, r * k);
      }
      Canary out = new Canary(in.rows(), n);
      Linear.forwardExact(workers, new Linear.Product(out.matrix, in, weights, bias));
      assertArrayEquals(reference(in, values, bias), out.values());
    }
  }

  /** So many panels that some of them share a unit and the last ones do not. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void groupsOfPanelsAndSingleOnesGiveTheSameBits(int threads) {
    int n = 75 * Weights.PANEL_ROWS + 5;
    int k = 33;
    RandomData random = new RandomData(12);
    float[] values = random.floats(n * k, ElementType.BF16);
    float[] bias = random.floats(n, ElementType.F32);
    FloatMatrix in = random.matrix(37, k);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers()) {
      Weights weights = RandomData.weights(arena, ElementType.BF16, n, k, values);
      Canary out = new Canary(in.rows(), n);
      Canary again = new Canary(in.rows(), n);
      Linear.forward(
          workers,
          new Linear.Product(again.matrix, in, weights, bias),
          new Linear.Product(out.matrix, in, weights, bias));
      float[] expected = reference(in, values, bias);
      assertArrayEquals(expected, again.values());
      assertArrayEquals(expected, out.values());
    }
  }

  @Test
  void zeroRowsAreNoWork() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      Weights weights = Weights.allocate(arena, ElementType.F32, 5, 4);
      Linear.forward(
          workers,
          new Linear.Product(
              new FloatMatrix(new float[0], 0, 0, 5),
              new FloatMatrix(new float[0], 0, 0, 4),
              weights,
              new float[5]));
      assertEquals(2, workers.threads());
    }
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    try (Arena arena = Arena.ofShared()) {
      Weights weights = Weights.allocate(arena, ElementType.F32, 5, 4);
      FloatMatrix in = FloatMatrix.allocate(2, 3);
      FloatMatrix out = FloatMatrix.allocate(2, 5);
      Exception e =
          assertThrows(
              IllegalArgumentException.class,
              () -> new Linear.Product(out, in, weights, new float[5]));
      assertTrue(e.getMessage().startsWith("in: (2, 3), needed (2, 4)"), e.getMessage());
    }
  }
}
