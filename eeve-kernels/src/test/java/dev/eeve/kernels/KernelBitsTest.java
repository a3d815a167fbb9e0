package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The bits of every kernel on seeded inputs. The build runs this class with every vector length,
 * with the scalar kernels and interpreted: one constant for all of them.
 */
@Tag("brief")
@Tag("bits")
class KernelBitsTest {
  private static final int[] SIZES = {1, 2, 15, 16, 17, 31, 33, 80, 100};
  private static final Blocking SMALL = new Blocking(8, 16, 32, 64);

  private long hash = 1;

  private void add(float[] values) {
    for (float value : values) {
      hash = hash * 0x9E3779B97F4A7C15L + Float.floatToIntBits(value);
    }
  }

  private void assertHash(long expected) {
    assertEquals(Long.toHexString(expected), Long.toHexString(hash));
  }

  private void products(ElementType type) {
    for (Blocking blocking : new Blocking[] {SMALL, Blocking.defaults()}) {
      try (Arena arena = Arena.ofShared();
          WorkerPool pool = new WorkerPool(2);
          Workers workers = pool.workers(blocking)) {
        for (int n : SIZES) {
          RandomData random = new RandomData(n);
          int k = 117 - n;
          Weights weights = RandomData.weights(arena, type, n, k, random.floats(n * k, type));
          float[] bias = random.floats(n, ElementType.F32);
          for (int rows : new int[] {1, 3, 4, 13}) {
            FloatMatrix out = FloatMatrix.allocate(rows, n);
            Linear.forward(workers, new Linear.Product(out, random.matrix(rows, k), weights, bias));
            add(out.data());
          }
        }
      }
    }
  }

  @Test
  void productsByStrassen() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(new Blocking(8, 16, 32, 64, 1))) {
      for (ElementType type : ElementType.values()) {
        RandomData random = new RandomData(11);
        Weights weights = RandomData.weights(arena, type, 100, 192, random.floats(19200, type));
        float[] bias = random.floats(100, ElementType.F32);
        for (int rows : new int[] {2, 13, 29}) {
          FloatMatrix out = FloatMatrix.allocate(rows, 100);
          Linear.forwardByStrassen(
              workers, new Linear.Product(out, random.matrix(rows, 192), weights, bias));
          add(out.data());
        }
      }
    }
    assertHash(0x6E920B6011D82923L);
  }

  @Test
  void productsOfF32Weights() {
    products(ElementType.F32);
    assertHash(0x803D4904A5796D2DL);
  }

  @Test
  void productsOfF16Weights() {
    products(ElementType.F16);
    assertHash(0x4A3BDF8C4FBBD8FFL);
  }

  @Test
  void productsOfBf16Weights() {
    products(ElementType.BF16);
    assertHash(0x82F89CFAA2F40425L);
  }

  @Test
  void layerNormGeluAndResidual() {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int columns : SIZES) {
        RandomData random = new RandomData(columns);
        FloatMatrix x = FloatMatrix.allocate(3, columns);
        LayerNorm.forward(
            workers,
            x,
            new float[3],
            new float[3],
            random.matrix(3, columns),
            random.floats(columns, ElementType.F32),
            random.floats(columns, ElementType.F32),
            1e-5f);
        add(x.data());
        FloatMatrix y = FloatMatrix.allocate(3, columns);
        Gelu.forward(workers, y, x);
        add(y.data());
        Residual.add(workers, y, x, random.matrix(3, columns));
        add(y.data());
      }
    }
    assertHash(0xC4253DF4FE7A9DFAL);
  }

  @Test
  void rotationAndAttention() {
    for (int size : new int[] {2, 5, 16, 33, 80}) {
      RandomData random = new RandomData(size);
      RotaryEmbedding rotary = new RotaryEmbedding(size / 2 / 2 * 2, size, 10_000, 40);
      FloatMatrix q = random.matrix(40, 4 * size);
      FloatMatrix k = random.matrix(40, 2 * size);
      rotary.forward(q, 0);
      rotary.forward(k, 0);
      for (int keys : new int[] {16, 32}) {
        try (Arena arena = Arena.ofShared();
            WorkerPool pool = new WorkerPool(2);
            Workers workers = pool.workers(new Blocking(8, keys, 32, 64))) {
          KeyValueRows cache = KeyValueRows.allocate(arena, ElementType.F32, 2, size, 40);
          cache.put(workers, k, random.matrix(40, 2 * size), 0);
          FloatMatrix out = FloatMatrix.allocate(40, 4 * size);
          CausalAttention.forward(workers, out, q, cache, 0);
          add(out.data());
          CausalAttention.forward(workers, out.rows(0, 1), q.rows(39, 1), cache, 39);
          add(out.data());
        }
      }
    }
    assertHash(0xC8E2A1FA87269BE8L);
  }

  @Test
  void attentionOverNarrowCaches() {
    for (int size : new int[] {2, 5, 16, 33, 80}) {
      RandomData random = new RandomData(size);
      for (ElementType type :
          new ElementType[] {ElementType.F16, ElementType.BF16, ElementType.Q8_0}) {
        try (Arena arena = Arena.ofShared();
            WorkerPool pool = new WorkerPool(2);
            Workers workers = pool.workers(new Blocking(8, 32, 32, 64))) {
          KeyValueRows cache = KeyValueRows.allocate(arena, type, 2, size, 40);
          cache.put(workers, random.matrix(40, 2 * size), random.matrix(40, 2 * size), 0);
          FloatMatrix q = random.matrix(40, 4 * size);
          FloatMatrix out = FloatMatrix.allocate(40, 4 * size);
          CausalAttention.forward(workers, out, q, cache, 0);
          add(out.data());
          CausalAttention.forward(workers, out.rows(0, 1), q.rows(39, 1), cache, 39);
          add(out.data());
        }
      }
    }
    assertHash(0xE205FC6A3DCC67DDL);
  }

  @Test
  void softmaxAndCrossEntropy() {
    for (int size : SIZES) {
      float[] values = new RandomData(size).floats(size, ElementType.F32);
      Softmax.forward(values, 0, size);
      add(values);
    }
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(SMALL)) {
      RandomData random = new RandomData(1);
      Weights head =
          RandomData.weights(arena, ElementType.F32, 100, 20, random.floats(2000, ElementType.F32));
      double[] scores = new double[5];
      CrossEntropy.logProbabilities(
          workers,
          scores,
          0,
          random.matrix(5, 20),
          head,
          random.floats(100, ElementType.F32),
          new int[] {0, 31, 63, 64, 99},
          0);
      for (double score : scores) {
        hash = hash * 31 + Double.doubleToLongBits(score);
      }
    }
    assertHash(0xEF4193001672087CL);
  }

  private void add(Weights weights) {
    float[] row = new float[weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, row, 0);
      add(row);
    }
  }

  @Test
  void linearGradients() {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers(SMALL)) {
      for (ElementType type :
          new ElementType[] {ElementType.F32, ElementType.F16, ElementType.BF16}) {
        for (int n : SIZES) {
          RandomData random = new RandomData(n);
          int k = 117 - n;
          Weights weights = RandomData.weights(arena, type, n, k, random.floats(n * k, type));
          for (int rows : new int[] {1, 13}) {
            FloatMatrix dOut = random.matrix(rows, n);
            FloatMatrix dIn = FloatMatrix.allocate(rows, k);
            Linear.backwardInput(workers, dIn, new Linear.InputGradient(dOut, weights));
            add(dIn.data());
            Weights dWeight = Weights.allocate(arena, ElementType.F32, n, k);
            FloatMatrix in = random.matrix(rows, k);
            Linear.backwardWeight(workers, new Linear.WeightGradient(dWeight, dOut, in));
            add(dWeight);
            float[] dBias = new float[n];
            Linear.backwardBias(workers, dBias, dOut, 0);
            add(dBias);
          }
        }
      }
    }
    assertHash(0x621D8582F8D0E650L);
  }

  @Test
  void elementwiseGradients() {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int columns : SIZES) {
        RandomData random = new RandomData(columns);
        FloatMatrix in = random.matrix(3, columns);
        FloatMatrix dOut = random.matrix(3, columns);
        FloatMatrix dIn = random.matrix(3, columns);
        float[] statistics = random.floats(3, ElementType.F32);
        float[] weight = random.floats(columns, ElementType.F32);
        LayerNorm.backward(workers, dIn, dOut, in, weight, statistics, statistics);
        add(dIn.data());
        LayerNorm.backwardWeight(workers, weight, dOut, in, 0, statistics, statistics);
        add(weight);
        Gelu.backward(workers, dIn, dOut, in);
        add(dIn.data());
        Dropout.forward(workers, dIn, dOut, 0.3, 0x123456789ABCDEFL);
        add(dIn.data());
        double[] losses = new double[3];
        int[] targets = {0, columns - 1, columns / 2};
        CrossEntropy.forwardBackward(workers, losses, 0, targets, 0.125f, in);
        add(in.data());
        for (double loss : losses) {
          hash = hash * 31 + Double.doubleToLongBits(loss);
        }
      }
    }
    assertHash(0xAA0E5C716DCB8505L);
  }

  @Test
  void attentionGradients() {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      for (int size : new int[] {2, 5, 16, 33, 80}) {
        AttentionBackwardTest.Run run = new AttentionBackwardTest.Run(60, 4, 2, size, 0, 41);
        run.forward(workers);
        add(run.max.data());
        add(run.sum.data());
        for (float[] gradient : run.backward(workers)) {
          add(gradient);
        }
      }
    }
    assertHash(0x1D5DCF889AF3DDC6L);
  }
}
