package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class AttentionBackwardTest {
  /** Inputs of some documents, and what forward and backward make of them. */
  static final class Run {
    final int heads;
    final int keyHeads;
    final int size;
    final int[] documents;
    final FloatMatrix q;
    final FloatMatrix k;
    final FloatMatrix v;
    final FloatMatrix dOut;
    final FloatMatrix out;
    final FloatMatrix max;
    final FloatMatrix sum;

    Run(int rows, int heads, int keyHeads, int size, int... documents) {
      RandomData random = new RandomData(size * 100L + keyHeads);
      this.heads = heads;
      this.keyHeads = keyHeads;
      this.size = size;
      this.documents = documents;
      q = random.matrix(rows, heads * size);
      k = random.matrix(rows, keyHeads * size);
      v = random.matrix(rows, keyHeads * size);
      dOut = random.matrix(rows, heads * size);
      out = FloatMatrix.allocate(rows, heads * size);
      max = FloatMatrix.allocate(rows, heads);
      sum = FloatMatrix.allocate(rows, heads);
    }

    int end(int document) {
      return document + 1 < documents.length ? documents[document + 1] : q.rows();
    }

    void forward(Workers workers) {
      for (int d = 0; d < documents.length; d++) {
        int from = documents[d];
        int rows = end(d) - from;
        try (Arena arena = Arena.ofShared()) {
          KeyValueRows cache = KeyValueRows.allocate(arena, ElementType.F32, keyHeads, size, rows);
          cache.put(workers, k.rows(from, rows), v.rows(from, rows), 0);
          CausalAttention.forward(
              workers,
              out.rows(from, rows),
              max.rows(from, rows),
              sum.rows(from, rows),
              q.rows(from, rows),
              cache,
              0);
        }
      }
    }

    /** dQ, dK and dV. */
    float[][] backward(Workers workers) {
      Canary dQ = new Canary(q.rows(), q.columns());
      Canary dK = new Canary(k.rows(), k.columns());
      Canary dV = new Canary(v.rows(), v.columns());
      CausalAttention.backward(
          workers, dQ.matrix, dK.matrix, dV.matrix, dOut, out, max, sum, q, k, v, size, documents);
      return new float[][] {dQ.values(), dK.values(), dV.values()};
    }

    /** {@code Σ out · dOut} in double. */
    double loss() {
      double loss = 0;
      for (int d = 0; d < documents.length; d++) {
        for (int r = documents[d]; r < end(d); r++) {
          for (int h = 0; h < heads; h++) {
            loss += loss(documents[d], r, h);
          }
        }
      }
      return loss;
    }

    private double loss(int first, int r, int head) {
      int column = head / (heads / keyHeads) * size;
      double sum = 0;
      double result = 0;
      for (int i = first; i <= r; i++) {
        double score = 0;
        double value = 0;
        for (int d = 0; d < size; d++) {
          score +=
              (double) q.data()[q.index(r) + head * size + d] * k.data()[k.index(i) + column + d];
          value +=
              (double) dOut.data()[dOut.index(r) + head * size + d]
                  * v.data()[v.index(i) + column + d];
        }
        double p = Math.exp(score / Math.sqrt(size));
        sum += p;
        result += p * value;
      }
      return result / sum;
    }
  }

  @Test
  void gradientsAreTheCentralDifferencesOfADoubleLoss() {
    for (int size : new int[] {1, 5, 16, 33}) {
      Run run = new Run(23, 4, 2, size, 0, 1, 9);
      float[][] found;
      try (WorkerPool pool = new WorkerPool(2);
          Workers workers = pool.workers()) {
        run.forward(workers);
        found = run.backward(workers);
      }
      FloatMatrix[] inputs = {run.q, run.k, run.v};
      for (int m = 0; m < 3; m++) {
        double error = 0;
        double length = 0;
        for (int i = 0; i < found[m].length; i += 7) {
          double expected = difference(run, inputs[m].data(), inputs[m].offset() + i);
          error += Math.pow(expected - found[m][i], 2);
          length += expected * expected;
        }
        assertEquals(0, Math.sqrt(error / length), 1e-4, "D " + size + ", input " + m);
      }
    }
  }

  private static double difference(Run run, float[] values, int at) {
    float kept = values[at];
    values[at] = kept + 0x1p-8f;
    double step = values[at];
    double above = run.loss();
    values[at] = kept - 0x1p-8f;
    step -= values[at];
    double below = run.loss();
    values[at] = kept;
    return (above - below) / step;
  }

  /** The documented order, written out. */
  private static float[][] reference(Run run) {
    int size = run.size;
    float scale = (float) (1 / Math.sqrt(size));
    float[] dQ = new float[run.q.rows() * run.q.columns()];
    float[] dK = new float[run.k.rows() * run.k.columns()];
    float[] dV = new float[dK.length];
    for (int d = 0; d < run.documents.length; d++) {
      for (int head = 0; head < run.heads; head++) {
        int column = head / (run.heads / run.keyHeads) * size;
        for (int r = run.documents[d]; r < run.end(d); r++) {
          int q = r * run.q.columns() + head * size;
          for (int i = run.documents[d]; i <= r; i++) {
            addPair(run, scale, head, r, i, q, i * run.k.columns() + column, dQ, dK, dV);
          }
          for (int e = q; e < q + size; e++) {
            dQ[e] *= scale;
          }
        }
      }
    }
    return new float[][] {dQ, dK, dV};
  }

  private static void addPair(
      Run run,
      float scale,
      int head,
      int r,
      int i,
      int q,
      int k,
      float[] dQ,
      float[] dK,
      float[] dV) {
    float[] queries = run.q.data();
    float[] keys = run.k.data();
    float[] values = run.v.data();
    float[] dOut = run.dOut.data();
    float score = 0;
    float dp = 0;
    float mean = 0;
    for (int e = 0; e < run.size; e++) {
      float query = queries[run.q.offset() + q + e] * scale;
      score = Math.fma(query, keys[run.k.offset() + k + e], score);
      dp = Math.fma(dOut[run.dOut.offset() + q + e], values[run.v.offset() + k + e], dp);
      mean = Math.fma(dOut[run.dOut.offset() + q + e], run.out.data()[q + e], mean);
    }
    int at = r * run.heads + head;
    float p = Exponential.exp(score - run.max.data()[at]) * (1f / run.sum.data()[at]);
    float ds = p * (dp - mean);
    for (int e = 0; e < run.size; e++) {
      dQ[q + e] = Math.fma(ds, keys[run.k.offset() + k + e], dQ[q + e]);
      dK[k + e] = Math.fma(ds, queries[run.q.offset() + q + e] * scale, dK[k + e]);
      dV[k + e] = Math.fma(p, dOut[run.dOut.offset() + q + e], dV[k + e]);
    }
  }

  @Test
  void everyGradientIsTheDocumentedChain() {
    try (WorkerPool pool = new WorkerPool(3);
        Workers workers = pool.workers()) {
      for (int size : new int[] {1, 5, 16, 31, 32, 33, 80, 100}) {
        for (int keyHeads : new int[] {1, 2}) {
          Run run = new Run(121, 2, keyHeads, size, 0, 17, 18);
          run.forward(workers);
          float[][] expected = reference(run);
          float[][] found = run.backward(workers);
          for (int m = 0; m < 3; m++) {
            for (int i = 0; i < expected[m].length; i++) {
              // The sign of a zero is not part of the contract: + 0 turns −0 into 0.
              assertEquals(expected[m][i] + 0f, found[m][i], "D " + size + ", " + m + ", " + i);
            }
          }
        }
      }
    }
  }

  @Test
  void aDocumentAmongOthersHasTheBitsItHasAlone() {
    Run all = new Run(230, 4, 2, 80, 0, 3, 130);
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers()) {
      all.forward(workers);
      float[][] packed = all.backward(workers);
      for (int d = 0; d < 3; d++) {
        int from = all.documents[d];
        int rows = all.end(d) - from;
        FloatMatrix dQ = FloatMatrix.allocate(rows, all.q.columns());
        FloatMatrix dK = FloatMatrix.allocate(rows, all.k.columns());
        FloatMatrix dV = FloatMatrix.allocate(rows, all.k.columns());
        CausalAttention.backward(
            workers,
            dQ,
            dK,
            dV,
            all.dOut.rows(from, rows),
            all.out.rows(from, rows),
            all.max.rows(from, rows),
            all.sum.rows(from, rows),
            all.q.rows(from, rows),
            all.k.rows(from, rows),
            all.v.rows(from, rows),
            80,
            new int[] {0});
        FloatMatrix[] alone = {dQ, dK, dV};
        for (int m = 0; m < 3; m++) {
          int columns = alone[m].columns();
          assertArrayEquals(
              Arrays.copyOfRange(packed[m], from * columns, (from + rows) * columns),
              alone[m].data());
        }
      }
    }
  }

  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    Run run = new Run(150, 6, 3, 40, 0, 60);
    float[][] expected = null;
    for (int threads : new int[] {1, 2, 3, 8}) {
      try (WorkerPool pool = new WorkerPool(threads);
          Workers workers = pool.workers()) {
        run.forward(workers);
        float[][] found = run.backward(workers);
        expected = expected == null ? found : expected;
        for (int m = 0; m < 3; m++) {
          assertArrayEquals(expected[m], found[m], threads + " threads");
        }
      }
    }
  }

  @Test
  void aForwardPassThatKeepsItsSumsGivesTheSameOutput() {
    for (int rows : new int[] {2, 70}) {
      Run run = new Run(rows, 4, 2, 16, 0);
      try (Arena arena = Arena.ofShared();
          WorkerPool pool = new WorkerPool(2);
          Workers workers = pool.workers()) {
        run.forward(workers);
        KeyValueRows cache = KeyValueRows.allocate(arena, ElementType.F32, 2, 16, rows);
        cache.put(workers, run.k, run.v, 0);
        Canary out = new Canary(rows, 64);
        CausalAttention.forward(workers, out.matrix, run.q, cache, 0);
        assertArrayEquals(run.out.data(), out.values());
      }
    }
  }

  @Test
  void aWrongShapeNamesTheArgument() {
    Run run = new Run(4, 4, 2, 8, 0);
    FloatMatrix narrow = FloatMatrix.allocate(4, 8);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      KeyValueRows cache = KeyValueRows.allocate(arena, ElementType.F32, 2, 8, 4);
      Refusal.of(
          "max: (4, 8), needed (4, 4)",
          () -> CausalAttention.forward(workers, run.out, narrow, run.sum, run.q, cache, 0));
      Refusal.of(
          "dQ: (4, 8), needed (4, 32)", () -> backward(workers, run, narrow, run.k, new int[] {0}));
      Refusal.of(
          "dK: (4, 8), needed (4, 16)", () -> backward(workers, run, run.q, narrow, new int[] {0}));
      Refusal.of(
          "documents: row 1 at 0, needed ascending rows from 0",
          () -> backward(workers, run, run.q, run.k, new int[] {1}));
      Refusal.of(
          "documents: row 2 at 2, needed ascending rows from 0",
          () -> backward(workers, run, run.q, run.k, new int[] {0, 2, 2}));
      Refusal.of(
          "documents: 2, needed at least 1 and each to start before row 4",
          () -> backward(workers, run, run.q, run.k, new int[] {0, 4}));
    }
  }

  private static void backward(
      Workers workers, Run run, FloatMatrix dQ, FloatMatrix dK, int[] documents) {
    CausalAttention.backward(
        workers, dQ, dK, dK, run.dOut, run.out, run.max, run.sum, run.q, run.k, run.v, 8,
        documents);
  }
}
