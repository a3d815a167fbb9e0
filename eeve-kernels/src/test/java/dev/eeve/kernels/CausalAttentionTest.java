package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("brief")
class CausalAttentionTest {
  private static final int[] HEAD_SIZES = {1, 5, 16, 32, 80, 100};
  private static final Blocking SMALL = new Blocking(8, 16, 32, 64);

  /** Keys, values and queries of some positions. */
  private record Data(
      int heads, int keyHeads, int size, FloatMatrix q, FloatMatrix k, FloatMatrix v) {
    static Data of(int positions, int heads, int keyHeads, int size) {
      RandomData random = new RandomData(size * 100L + keyHeads);
      return new Data(
          heads,
          keyHeads,
          size,
          random.matrix(positions, heads * size),
          random.matrix(positions, keyHeads * size),
          random.matrix(positions, keyHeads * size));
    }

    KeyValueRows cache(Arena arena, Workers workers, ElementType type) {
      KeyValueRows cache = KeyValueRows.allocate(arena, type, keyHeads, size, k.rows());
      cache.put(workers, k, v, 0);
      return cache;
    }

    /** What a cache of some type gives back of these keys and values, by other code. */
    Data rounded(ElementType type) {
      return new Data(heads, keyHeads, size, q, rounded(k, type), rounded(v, type));
    }

    private FloatMatrix rounded(FloatMatrix from, ElementType type) {
      FloatMatrix to = FloatMatrix.allocate(from.rows(), from.columns());
      for (int r = 0; r < from.rows(); r++) {
        for (int h = 0; h < keyHeads; h++) {
          round(from.data(), from.index(r) + h * size, to.data(), to.index(r) + h * size, type);
        }
      }
      return to;
    }

    private void round(float[] from, int at, float[] to, int toAt, ElementType type) {
      for (int d = 0; d < size; d += 32) {
        int count = Math.min(32, size - d);
        float[] block = new float[32]; // zeros past the end change no scale
        System.arraycopy(from, at + d, block, 0, count);
        switch (type) {
          case F16 -> {
            for (int i = 0; i < count; i++) {
              block[i] = Float.float16ToFloat(Float.floatToFloat16(block[i]));
            }
          }
          case BF16 -> {
            for (int i = 0; i < count; i++) {
              block[i] = Weights.widen(Weights.floatToBfloat16(block[i]), ElementType.BF16);
            }
          }
          case Q8_0 -> {
            MemorySegment bytes = MemorySegment.ofArray(new byte[34]);
            BlockQuantizer.quantize(BlockFormat.Q8_0, bytes, 0, block, 0, 32);
            BlockDequantizer.dequantize(BlockFormat.Q8_0, block, 0, 32, bytes, 0);
          }
          default -> {}
        }
        System.arraycopy(block, 0, to, toAt + d, count);
      }
    }

    float[] forward(Workers workers, KeyValueRows cache, int first, int rows) {
      Canary out = new Canary(rows, heads * size);
      CausalAttention.forward(workers, out.matrix, q.rows(first, rows), cache, first);
      return out.values();
    }
  }

  @Test
  void aPromptIsWithinTheRoundingOfItsSums() {
    for (int size : HEAD_SIZES) {
      for (int keyHeads : new int[] {1, 2, 4}) {
        Data data = Data.of(69, 4, keyHeads, size);
        for (Blocking blocking : new Blocking[] {SMALL, Blocking.defaults()}) {
          try (Arena arena = Arena.ofShared();
              WorkerPool pool = new WorkerPool(2);
              Workers workers = pool.workers(blocking)) {
            check(data, data.forward(workers, data.cache(arena, workers, ElementType.F32), 0, 69));
          }
        }
      }
    }
  }

  /**
   * A score is off by (D + 2) ε Σ|q k| ÷ √D, so its probability by that share, twice: in e^s and in
   * the sum; the sum and Σ p v add a rounding for each key.
   */
  private static void check(Data data, float[] out) {
    int size = data.size;
    for (int r = 0; r < data.q.rows(); r++) {
      for (int h = 0; h < data.heads; h++) {
        int keyHead = h / (data.heads / data.keyHeads);
        double[] p = new double[r + 1];
        double scoreError = 0;
        for (int i = 0; i <= r; i++) {
          double absolute = 0;
          for (int d = 0; d < size; d++) {
            double product =
                (double) data.q.data()[data.q.index(r) + h * size + d]
                    * data.k.data()[data.k.index(i) + keyHead * size + d];
            p[i] += product / Math.sqrt(size);
            absolute += Math.abs(product) / Math.sqrt(size);
          }
          scoreError = Math.max(scoreError, (size + 2) * absolute);
        }
        double max = Arrays.stream(p).max().getAsDouble();
        double sum = 0;
        for (int i = 0; i <= r; i++) {
          p[i] = Math.exp(p[i] - max);
          sum += p[i];
        }
        for (int d = 0; d < size; d++) {
          double expected = 0;
          double absolute = 0;
          for (int i = 0; i <= r; i++) {
            double v = data.v.data()[data.v.index(i) + keyHead * size + d];
            expected += p[i] / sum * v;
            absolute += p[i] / sum * Math.abs(v);
          }
          double bound = 0x1p-24 * (2 * scoreError + 2 * (r + 1) + 20) * absolute;
          float found = out[r * data.heads * size + h * size + d];
          String where = "D " + size + ", row " + r + ", head " + h + ", feature " + d;
          assertEquals(expected, found, bound, where);
        }
      }
    }
  }

  @Test
  void aBlockOfQueriesGivesTheBitsOfSingleSteps() {
    int positions = 131;
    int[] firsts = {0, 1, 15, 16, 17, 63, 64, 90};
    for (int size : HEAD_SIZES) {
      Data data = Data.of(positions, 4, 2, size);
      for (Blocking blocking : new Blocking[] {SMALL, Blocking.defaults()}) {
        try (Arena arena = Arena.ofShared();
            WorkerPool pool = new WorkerPool(2);
            Workers workers = pool.workers(blocking)) {
          KeyValueRows cache = data.cache(arena, workers, ElementType.F32);
          float[] single = new float[positions * 4 * size];
          for (int r = 0; r < positions; r++) {
            float[] row = data.forward(workers, cache, r, 1);
            System.arraycopy(row, 0, single, r * 4 * size, 4 * size);
          }
          for (int first : firsts) {
            for (int rows : new int[] {3, 4, 41}) {
              assertArrayEquals(
                  Arrays.copyOfRange(single, first * 4 * size, (first + rows) * 4 * size),
                  data.forward(workers, cache, first, rows),
                  "D " + size + ", " + rows + " from " + first);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "Q8_0"})
  void aCacheGivesWhatF32GivesForTheRoundedKeysAndValues(ElementType type) {
    int positions = 75;
    for (int size : HEAD_SIZES) {
      for (int keyHeads : new int[] {1, 4}) {
        Data data = Data.of(positions, 4, keyHeads, size);
        for (int threads : new int[] {1, 3}) {
          try (Arena arena = Arena.ofShared();
              WorkerPool pool = new WorkerPool(threads);
              Workers workers = pool.workers()) {
            KeyValueRows exact = data.rounded(type).cache(arena, workers, ElementType.F32);
            KeyValueRows cache = data.cache(arena, workers, type);
            float[] expected = data.forward(workers, exact, 0, positions);
            String where = type + ", D " + size + ", " + keyHeads + " heads, " + threads;
            assertArrayEquals(expected, data.forward(workers, cache, 0, positions), where);
            for (int r = 0; r < positions; r++) { // single steps, over what is there by then
              cache.put(workers, data.k.rows(r, 1), data.v.rows(r, 1), r);
              assertArrayEquals(
                  Arrays.copyOfRange(expected, r * 4 * size, (r + 1) * 4 * size),
                  data.forward(workers, cache, r, 1),
                  where + ", row " + r);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void whatIsNotFiniteOrTooLargeIsSeenInTheResult(ElementType type) {
    Data data = Data.of(20, 2, 2, 40);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, -3e38f}) {
        if (Float.isFinite(bad) && type != ElementType.F16 && type != ElementType.Q8_0) {
          continue;
        }
        KeyValueRows cache = data.cache(arena, workers, type);
        float[] clean = data.forward(workers, cache, 19, 1);
        assertTrue(Float.isFinite(clean[35]));
        FloatMatrix v = FloatMatrix.allocate(1, 80);
        v.data()[35] = bad;
        cache.put(workers, data.k.rows(3, 1), v, 3);
        assertFalse(Float.isFinite(data.forward(workers, cache, 19, 1)[35]), type + ": " + bad);
      }
    }
  }

  @Test
  void onlyTypesWithACacheAreTaken() {
    try (Arena arena = Arena.ofConfined()) {
      Refusal.of(
          "cacheType: Q4_0, needed one of [F32, F16, BF16, Q8_0]",
          () -> KeyValueRows.allocate(arena, ElementType.Q4_0, 1, 32, 1));
      for (ElementType type : ElementType.values()) {
        if (type != ElementType.Q4_0) {
          KeyValueRows cache = KeyValueRows.allocate(arena, type, 3, 80, 33);
          assertEquals(KeyValueRows.byteSize(type, 3, 80, 33), cache.byteSize());
          assertEquals(48 * KeyValueRows.positionBytes(type, 3, 80), cache.byteSize());
        }
      }
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    Data data = Data.of(90, 4, 2, 80);
    float[] expected = null;
    for (int threads : new int[] {1, 2, 3, 8}) {
      try (Arena arena = Arena.ofShared();
          WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers()) {
        float[] out = data.forward(workers, data.cache(arena, workers, ElementType.F32), 0, 90);
        expected = expected == null ? out : expected;
        assertArrayEquals(expected, out, threads + " threads");
      }
    }
  }

  @Test
  void laterPositionsLeftInTheCacheAreNotSeen() {
    Data data = Data.of(60, 2, 2, 16);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      KeyValueRows clean = KeyValueRows.allocate(arena, ElementType.F32, 2, 16, 60);
      clean.put(workers, data.k.rows(0, 21), data.v.rows(0, 21), 0);
      KeyValueRows stale = data.cache(arena, workers, ElementType.F32);
      for (int position = 21; position < 60; position++) {
        FloatMatrix nan = FloatMatrix.allocate(1, 32);
        Arrays.fill(nan.data(), Float.NaN);
        stale.put(workers, nan, nan, position);
      }
      for (int rows : new int[] {1, 9}) {
        assertArrayEquals(
            data.forward(workers, clean, 21 - rows, rows),
            data.forward(workers, stale, 21 - rows, rows));
      }
    }
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      KeyValueRows cache = KeyValueRows.allocate(arena, ElementType.F32, 2, 8, 10);
      FloatMatrix q = FloatMatrix.allocate(2, 32);
      FloatMatrix narrow = FloatMatrix.allocate(2, 24);
      Refusal.of(
          "out: (2, 24), needed (2, 32)",
          () -> CausalAttention.forward(workers, narrow, q, cache, 0));
      Refusal.of(
          "q: 24 columns, needed a multiple of 2 heads of 8",
          () -> CausalAttention.forward(workers, narrow, narrow, cache, 0));
      Refusal.of(
          "position: 2 rows from 9, the cache holds 10",
          () -> CausalAttention.forward(workers, q, q, cache, 9));
      FloatMatrix kv = FloatMatrix.allocate(2, 16);
      Refusal.of("k: (2, 24), needed (2, 16)", () -> cache.put(workers, narrow, kv, 0));
      Refusal.of("v: (2, 24), needed (2, 16)", () -> cache.put(workers, kv, narrow, 0));
      Refusal.of(
          "position: 2 rows from 9, the cache holds 10", () -> cache.put(workers, kv, kv, 9));
    }
  }
}
