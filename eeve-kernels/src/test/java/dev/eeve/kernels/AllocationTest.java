package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Once compiled, kernels allocate nothing on any thread: a vector that the JIT does not keep in a
 * register is an object, so this finds broken inlining on any machine.
 */
@Tag("allocation")
class AllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int CALLS = 20;

  /**
   * Compilation runs beside the calls; after this much of their processor time, which a busy
   * machine does not shorten, it must have caught up.
   */
  private static final long PATIENCE_NANOS = 30_000_000_000L;

  private final RandomData random = new RandomData(3);

  private static void assumeRealVectors() {
    assumeTrue(
        !Simd.VECTOR || Simd.bits() <= VectorShape.preferredShape().vectorBitSize(),
        "vectors of this length are emulated by objects here");
  }

  /** Repeats a call until a run of it allocates nothing on the caller or the pool's threads. */
  private static void assertAllocatesNothing(String name, WorkerPool pool, Runnable call) {
    long[] workers = threadsOf(pool);
    long start = THREADS.getCurrentThreadCpuTime();
    long bytes;
    do {
      long before = allocated(workers);
      long own = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < CALLS; i++) {
        call.run();
      }
      bytes = THREADS.getCurrentThreadAllocatedBytes() - own + allocated(workers) - before;
    } while (bytes != 0 && THREADS.getCurrentThreadCpuTime() - start < PATIENCE_NANOS);
    assertEquals(0, bytes / (double) CALLS, name + ": bytes allocated a call");
  }

  private static long allocated(long[] threads) {
    long bytes = 0;
    for (long id : threads) {
      bytes += THREADS.getThreadAllocatedBytes(id);
    }
    return bytes;
  }

  private static long[] threadsOf(WorkerPool pool) {
    Set<Long> ids = ConcurrentHashMap.newKeySet();
    try (Workers workers = pool.workers()) {
      workers.run(
          new Job() {
            @Override
            void run(int unit, Scratch scratch) {
              ids.add(Thread.currentThread().threadId());
              while (ids.size() < pool.threads()) {
                Thread.onSpinWait();
              }
            }
          },
          pool.threads());
    }
    ids.remove(Thread.currentThread().threadId());
    return ids.stream().mapToLong(Long::longValue).toArray();
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void productsAllocateNothing(ElementType type) {
    assumeRealVectors();
    int n = 96;
    int k = 131;
    try (Arena arena = Arena.ofShared()) {
      Weights weights = RandomData.weights(arena, type, n, k, random.floats(n * k, type));
      float[] bias = new float[n];
      for (int threads : new int[] {1, 2}) {
        try (WorkerPool pool = new WorkerPool(threads);
            Workers workers = pool.workers()) {
          for (int rows : new int[] {1, 20, 40}) {
            FloatMatrix in = random.matrix(rows, k);
            Linear.Product[] products = {
              new Linear.Product(FloatMatrix.allocate(rows, n), in, weights, bias),
              new Linear.Product(FloatMatrix.allocate(rows, n), in, weights, bias)
            };
            assertAllocatesNothing(
                type + ", " + rows + " rows", pool, () -> Linear.forward(workers, products));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void strassensProductsAllocateNothing(ElementType type) {
    assumeRealVectors();
    int k = 1344;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(new Blocking(8, 16, 32, 64, 1))) {
      Weights weights = RandomData.weights(arena, type, 128, k, random.floats(128 * k, type));
      Linear.Product[] products = {
        new Linear.Product(
            FloatMatrix.allocate(31, 128), random.matrix(31, k), weights, new float[128])
      };
      assertAllocatesNothing(
          type.toString(), pool, () -> Linear.forwardByStrassen(workers, products));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void theOtherKernelsAllocateNothing(int threads) {
    assumeRealVectors();
    int heads = 4;
    int size = 80;
    int width = heads * size;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers()) {
      Map<ElementType, KeyValueRows> caches = new TreeMap<>();
      FloatMatrix kv = random.matrix(20, 2 * size);
      for (ElementType type : ElementType.values()) {
        if (type == ElementType.Q4_0) {
          continue;
        }
        caches.put(type, KeyValueRows.allocate(arena, type, 2, size, 120));
        for (int first = 0; first < 120; first += 20) {
          caches.get(type).put(workers, kv, kv, first);
        }
      }
      Weights table =
          RandomData.weights(
              arena, ElementType.BF16, 40, width, random.floats(40 * width, ElementType.BF16));
      RotaryEmbedding rotary = new RotaryEmbedding(32, size, 10_000, 120);
      int[] ids = new int[20];
      Arrays.setAll(ids, i -> 2 * i);
      float[] logits = random.floats(1000, ElementType.F32);
      Weights trained = Weights.allocate(arena, ElementType.F32, 40, width);
      AdamW.Step step = new AdamW.Step(1, 0.1, 0.9, 0.95, 1e-5, 0.1, 1);
      BlockMoments moments = BlockMoments.allocate(arena, 40, width);
      for (int rows : new int[] {1, 20}) {
        FloatMatrix x = random.matrix(rows, width);
        FloatMatrix y = FloatMatrix.allocate(rows, width);
        FloatMatrix newKv = random.matrix(rows, 2 * size);
        float[] ones = random.floats(width, ElementType.F32);
        float[] mean = new float[rows];
        float[] rstd = new float[rows];
        Map<String, Runnable> calls = new TreeMap<>();
        calls.put(
            "LayerNorm", () -> LayerNorm.forward(workers, y, mean, rstd, x, ones, ones, 1e-5f));
        calls.put("Gelu", () -> Gelu.forward(workers, y, x));
        calls.put("Residual", () -> Residual.add(workers, y, x, x));
        caches.forEach(
            (type, cache) -> {
              calls.put(
                  "CausalAttention " + type,
                  () -> CausalAttention.forward(workers, y, x, cache, 120 - rows));
              calls.put("KeyValueRows " + type, () -> cache.put(workers, newKv, newKv, 120 - rows));
            });
        calls.put("RotaryEmbedding", () -> rotary.forward(y, 120 - rows));
        calls.put("Embedding", () -> Embedding.forward(y, ids, 0, table));
        calls.put("AdamW", () -> AdamW.step(workers, trained, trained, trained, trained, step));
        calls.put(
            "AdamW, 8-bit moments", () -> AdamW.step(workers, table, moments, trained, step, 1));
        calls.put("GradientNorm", () -> GradientNorm.sumOfSquares(workers, trained));
        calls.put("Argmax", () -> Argmax.of(logits, 0, 999));
        calls.put("Softmax", () -> Softmax.forward(logits, 0, 999));
        calls.forEach(
            (name, call) -> assertAllocatesNothing(name + ", " + rows + " rows", pool, call));
      }
    }
  }

  /** A profile of short rows must not leave the exponential out of the loop over long ones. */
  @Test
  void mostlyShortRowsAllocateNothing() {
    assumeRealVectors();
    float[] row = new float[1024];
    for (int i = 0; i < 1_000_000; i++) {
      Softmax.forward(row, 0, i % 10 == 0 ? 17 : 5);
    }
    try (WorkerPool pool = new WorkerPool(1)) {
      assertAllocatesNothing("Softmax", pool, () -> Softmax.forward(row, 0, row.length));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void backwardKernelsAllocateNothing(int threads) {
    assumeRealVectors();
    int rows = 20;
    int size = 80;
    int width = 4 * size;
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers()) {
      FloatMatrix x = random.matrix(rows, width);
      FloatMatrix y = random.matrix(rows, width);
      FloatMatrix z = FloatMatrix.allocate(rows, width);
      Weights weights =
          RandomData.weights(
              arena,
              ElementType.BF16,
              width,
              width,
              random.floats(width * width, ElementType.BF16));
      Weights gradient = Weights.allocate(arena, ElementType.F32, width, width);
      Linear.InputGradient[] inputs = {
        new Linear.InputGradient(x, weights), new Linear.InputGradient(y, weights)
      };
      Linear.WeightGradient[] products = {
        new Linear.WeightGradient(gradient, x, y), new Linear.WeightGradient(gradient, y, x)
      };
      float[] vector = random.floats(width, ElementType.F32);
      RotaryEmbedding rotary = new RotaryEmbedding(32, size, 10_000, rows);
      FloatMatrix max = random.matrix(rows, 4);
      FloatMatrix dk = FloatMatrix.allocate(rows, 2 * size);
      FloatMatrix k = random.matrix(rows, 2 * size);
      int[] documents = {0, 7};
      int[] ids = new int[rows];
      double[] losses = new double[rows];
      FloatMatrix[] logits = {FloatMatrix.allocate(rows, 300), FloatMatrix.allocate(rows, 40)};
      Map<String, Runnable> calls = new TreeMap<>();
      calls.put("Linear.backwardInput", () -> Linear.backwardInput(workers, z, inputs));
      calls.put("Linear.backwardWeight", () -> Linear.backwardWeight(workers, products));
      calls.put("Linear.backwardBias", () -> Linear.backwardBias(workers, vector, x, 0));
      calls.put(
          "LayerNorm.backward", () -> LayerNorm.backward(workers, z, x, y, vector, vector, vector));
      calls.put(
          "LayerNorm.backwardWeight",
          () -> LayerNorm.backwardWeight(workers, vector, x, y, 0, vector, vector));
      calls.put("Gelu.backward", () -> Gelu.backward(workers, z, x, y));
      calls.put("Dropout", () -> Dropout.forward(workers, z, x, 0.1, 3));
      calls.put("RotaryEmbedding.backward", () -> rotary.backward(workers, z, 0));
      calls.put("Embedding.backward", () -> Embedding.backward(workers, gradient, 0, x, ids, 0));
      calls.put(
          "CausalAttention.backward",
          () ->
              CausalAttention.backward(
                  workers, z, dk, dk, x, y, max, max, x, k, k, size, documents));
      calls.put(
          "CrossEntropy.forwardBackward",
          () -> CrossEntropy.forwardBackward(workers, losses, 0, ids, 0.1f, logits));
      calls.forEach((name, call) -> assertAllocatesNothing(name, pool, call));
    }
  }
}
