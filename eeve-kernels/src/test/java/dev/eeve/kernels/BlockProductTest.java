package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Products of the block types' weights. */
@Tag("brief")
class BlockProductTest {
  private static final int[] SIZES = {1, 15, 17, 31, 33, 64, 65, 161};
  private static final int[] COLUMNS = {32, 64, 96, 352};
  private static final int[] ROWS = {1, 2, 3, 4, 5, 12, 13, 29};

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
              assertArrayEquals(
                  exact(in, values, bias), out.values(), type + " " + rows + "x" + k + "x" + n);
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
            assertArrayEquals(exact(in, own, bias), out.values(), first + " " + rows);
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
}
