package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("brief")
class StrassenTest {
  private static final Blocking FROM_ONE = new Blocking(8, 16, 32, 64, 1);

  /** The documented quadrants and order, written out for one output at a time. */
  private static float[] reference(FloatMatrix in, float[] weight, float[] bias) {
    int n = bias.length;
    int columns = in.columns();
    float[] out = new float[in.rows() * n];
    for (int r = 0; r < in.rows(); r++) {
      for (int j = 0; j < n; j++) {
        out[r * n + j] = bias[j];
      }
    }
    for (int k = 0; k < columns; k += 2 * StrassenJob.HALF) {
      int half = Math.min(StrassenJob.HALF, (columns - k) / 2);
      for (int top = 0; top < in.rows(); top += 24) {
        int count = Math.min(24, in.rows() - top);
        int upper = (count + 1) / 2;
        for (int panel = 0; panel < n; panel += 64) {
          for (int r = 0; r < upper; r++) {
            for (int c = 0; c < 32; c++) {
              boolean pair = r < count - upper;
              Quadrants q = new Quadrants(in, weight, k, half, top + r, pair ? upper : -1);
              add(out, q.products(panel + c, n), top + r, pair ? upper : -1, panel + c, n);
            }
          }
        }
      }
    }
    return out;
  }

  /** Adds the seven, in order, to the outputs that exist. */
  private static void add(float[] out, float[] m, int row, int below, int column, int n) {
    int[][] signs = {
      {1, 0, 0, 1, -1, 0, 1}, {0, 0, 1, 0, 1, 0, 0}, {0, 1, 0, 1, 0, 0, 0}, {1, -1, 1, 0, 0, 1, 0}
    };
    for (int quadrant = 0; quadrant < 4; quadrant++) {
      boolean lower = quadrant / 2 == 1;
      int c = column + quadrant % 2 * 32;
      if (c >= n || lower && below < 0) {
        continue;
      }
      int at = (row + (lower ? below : 0)) * n + c;
      for (int i = 0; i < 7; i++) {
        if (signs[quadrant][i] != 0) {
          out[at] = signs[quadrant][i] > 0 ? out[at] + m[i] : out[at] - m[i];
        }
      }
    }
  }

  /** Two rows of the input, {@code below} apart (−1: a row of zeros), and two of the weights. */
  private record Quadrants(FloatMatrix in, float[] weight, int k, int half, int row, int below) {
    float[] products(int column, int n) {
      float[] m = new float[7];
      for (int f = 0; f < half; f++) {
        float a11 = a(0, f);
        float a12 = a(0, half + f);
        float a21 = a(below, f);
        float a22 = a(below, half + f);
        float b11 = b(column, n, f);
        float b21 = b(column, n, half + f);
        float b12 = b(column + 32, n, f);
        float b22 = b(column + 32, n, half + f);
        m[0] = Math.fma(a11 + a22, b11 + b22, m[0]);
        m[1] = Math.fma(a21 + a22, b11, m[1]);
        m[2] = Math.fma(a11, b12 - b22, m[2]);
        m[3] = Math.fma(a22, b21 - b11, m[3]);
        m[4] = Math.fma(a11 + a12, b22, m[4]);
        m[5] = Math.fma(a21 - a11, b11 + b12, m[5]);
        m[6] = Math.fma(a12 - a22, b21 + b22, m[6]);
      }
      return m;
    }

    private float a(int down, int f) {
      return down < 0 ? 0 : in.data()[in.index(row + down) + k + f];
    }

    private float b(int column, int n, int f) {
      return column < n ? weight[column * in.columns() + k + f] : 0;
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void everyOutputIsTheDocumentedChainsInTheDocumentedOrder(ElementType type) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(FROM_ONE)) {
      for (int n : new int[] {33, 64, 100, 128}) {
        for (int k : new int[] {64, 192, 1280, 1344, 2688}) {
          RandomData random = new RandomData(n * 1000L + k);
          float[] values = random.floats(n * k, type);
          Weights weights = RandomData.weights(arena, type, n, k, values);
          float[] bias = random.floats(n, ElementType.F32);
          for (int rows : k > 192 ? new int[] {29} : new int[] {2, 3, 7, 12, 13, 23, 24, 25, 61}) {
            FloatMatrix in = random.matrix(rows, k);
            Canary out = new Canary(rows, n);
            Linear.forwardByStrassen(workers, new Linear.Product(out.matrix, in, weights, bias));
            assertArrayEquals(
                reference(in, values, bias), out.values(), type + " " + rows + "x" + k + "x" + n);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void severalProductsGiveTheirOwnBitsAtAnyNumberOfThreads(int threads) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers(FROM_ONE)) {
      RandomData random = new RandomData(5);
      FloatMatrix x = random.matrix(50, 128);
      FloatMatrix y = random.matrix(50, 192);
      Linear.Product[] products = new Linear.Product[4];
      float[][] expected = new float[4][];
      for (int i = 0; i < 4; i++) {
        FloatMatrix in = i < 2 ? x : y;
        int n = 64 * (4 - i);
        float[] values = random.floats(n * in.columns(), ElementType.BF16);
        Weights weights = RandomData.weights(arena, ElementType.BF16, n, in.columns(), values);
        float[] bias = random.floats(n, ElementType.F32);
        products[i] = new Linear.Product(new Canary(50, n).matrix, in, weights, bias);
        expected[i] = reference(in, values, bias);
      }
      for (int call = 0; call < 3; call++) {
        Linear.forwardByStrassen(workers, products);
      }
      for (int i = 0; i < 4; i++) {
        FloatMatrix out = products[i].out();
        assertArrayEquals(
            expected[i],
            Arrays.copyOfRange(out.data(), out.offset(), out.offset() + expected[i].length));
      }
    }
  }

  /** Root mean square of what differs from sums in double. */
  private static double error(FloatMatrix in, float[] weight, FloatMatrix out) {
    double sum = 0;
    int k = in.columns();
    for (int r = 0; r < out.rows(); r++) {
      for (int j = 0; j < out.columns(); j++) {
        double exact = 0;
        for (int f = 0; f < k; f++) {
          exact += (double) weight[j * k + f] * in.data()[in.index(r) + f];
        }
        double difference = out.data()[out.index(r) + j] - exact;
        sum += difference * difference;
      }
    }
    return Math.sqrt(sum / out.rows() / out.columns());
  }

  @ParameterizedTest
  @ValueSource(ints = {1280, 2560, 5120})
  void theErrorIsNoMoreThanTwiceThatOfPlainChains(int k) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(FROM_ONE)) {
      RandomData random = new RandomData(k);
      float[] values = random.floats(64 * k, ElementType.BF16);
      Weights weights = RandomData.weights(arena, ElementType.BF16, 64, k, values);
      FloatMatrix in = random.matrix(48, k);
      FloatMatrix plain = FloatMatrix.allocate(48, 64);
      FloatMatrix strassen = FloatMatrix.allocate(48, 64);
      Linear.forward(workers, new Linear.Product(plain, in, weights, new float[64]));
      Linear.forwardByStrassen(workers, new Linear.Product(strassen, in, weights, new float[64]));
      double expected = error(in, values, plain);
      double found = error(in, values, strassen);
      assertTrue(found <= 2 * expected, found + ", plain " + expected);
    }
  }

  @Test
  void whatItDoesNotTakeGoesThePlainWay() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers small = pool.workers(FROM_ONE);
        Workers large = pool.workers(new Blocking(8, 16, 32, 64, 20));
        Workers never = pool.workers(new Blocking(8, 16, 32, 64))) {
      assertPlain(arena, never, ElementType.F32, 40, 64, 128, true);
      assertPlain(arena, small, ElementType.F32, 40, 64, 96, true);
      assertPlain(arena, small, ElementType.F32, 40, 96, 128, true);
      assertPlain(arena, small, ElementType.Q4_0, 40, 64, 128, true);
      assertPlain(arena, large, ElementType.F32, 19, 64, 128, true);
      assertPlain(arena, large, ElementType.F32, 20, 64, 128, false);
      assertPlain(arena, large, ElementType.BF16, 39, 64, 128, true);
      assertPlain(arena, large, ElementType.BF16, 40, 64, 128, false);
    }
  }

  private static void assertPlain(
      Arena arena, Workers workers, ElementType type, int rows, int n, int k, boolean plain) {
    RandomData random = new RandomData(9);
    Weights weights = RandomData.weights(arena, type, n, k, random.floats(n * k, type));
    FloatMatrix in = random.matrix(rows, k);
    float[][] outs =
        Stream.of(true, false)
            .map(
                strassen -> {
                  FloatMatrix out = FloatMatrix.allocate(rows, n);
                  Linear.Product product = new Linear.Product(out, in, weights, new float[n]);
                  if (strassen) {
                    Linear.forwardByStrassen(workers, product);
                  } else {
                    Linear.forward(workers, product);
                  }
                  return out.data();
                })
            .toArray(float[][]::new);
    if (plain) {
      assertArrayEquals(outs[1], outs[0]);
    } else {
      assertFalse(Arrays.equals(outs[1], outs[0]), "seven products round otherwise");
    }
  }
}
