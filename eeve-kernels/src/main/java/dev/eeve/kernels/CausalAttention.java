package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.util.Arrays;

/**
 * {@code out = softmax(q · kᵀ / √D + causal) · v} per head over the cached keys and values, with a
 * running softmax over blocks of keys (Milakov and Gimelshein, 2018; Dao et al., 2022).
 *
 * <p>A query's result depends on its position and the cache alone. Blocks start at position 0; in a
 * block: scores in feature order, the block's maximum, {@code p = e^(s − max)}, their sum in 16
 * partial sums added pairwise, and one fused multiply-add per key for each output in key order.
 */
public final class CausalAttention {
  private CausalAttention() {}

  /**
   * Attends from consecutive positions to all positions up to their own.
   *
   * @param workers the caller's threads
   * @param out (R, H · D), overwritten
   * @param q (R, H · D), rotated queries, read
   * @param cache keys and values of positions 0 … firstPosition + R − 1; its heads divide H
   * @param firstPosition position of row 0
   */
  public static void forward(
      Workers workers, FloatMatrix out, FloatMatrix q, KeyValueRows cache, int firstPosition) {
    run(workers, out, false, out, out, q, cache, firstPosition);
  }

  /**
   * The same for training: also keeps of each query what {@link #backward} needs to compute its
   * probabilities again.
   *
   * @param workers the caller's threads
   * @param out (R, H · D), overwritten
   * @param max (R, H), the largest score, overwritten
   * @param sum (R, H), {@code Σ e^(s − max)}, overwritten
   * @param q (R, H · D), rotated queries, read
   * @param cache keys and values of positions 0 … firstPosition + R − 1; its heads divide H
   * @param firstPosition position of row 0
   */
  public static void forward(
      Workers workers,
      FloatMatrix out,
      FloatMatrix max,
      FloatMatrix sum,
      FloatMatrix q,
      KeyValueRows cache,
      int firstPosition) {
    max.require("max", q.rows(), q.columns() / cache.headSize);
    sum.require("sum", q.rows(), q.columns() / cache.headSize);
    run(workers, out, true, max, sum, q, cache, firstPosition);
  }

  /**
   * Gradients of queries, keys and values, each document by itself: a query attends to the rows of
   * its document up to its own.
   *
   * @param workers the caller's threads
   * @param dQ (R, H · D), of the rotated queries, overwritten
   * @param dK (R, G · D), of the rotated keys, overwritten
   * @param dV (R, G · D), overwritten
   * @param dOut (R, H · D), read
   * @param out (R, H · D), as forward wrote it
   * @param max (R, H), as forward wrote it
   * @param sum (R, H), as forward wrote it
   * @param q (R, H · D), rotated, read
   * @param k (R, G · D), rotated, read; the key/value heads G divide H
   * @param v (R, G · D), read
   * @param headSize D
   * @param documents the first row of each document, ascending from 0
   */
  public static void backward(
      Workers workers,
      FloatMatrix dQ,
      FloatMatrix dK,
      FloatMatrix dV,
      FloatMatrix dOut,
      FloatMatrix out,
      FloatMatrix max,
      FloatMatrix sum,
      FloatMatrix q,
      FloatMatrix k,
      FloatMatrix v,
      int headSize,
      int[] documents) {
    int rows = q.rows();
    if (q.columns() % k.columns() != 0 || k.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "q: %d columns, needed a multiple of k's %d, which is one of %d"
              .formatted(q.columns(), k.columns(), headSize));
    }
    dQ.require("dQ", rows, q.columns());
    dOut.require("dOut", rows, q.columns());
    out.require("out", rows, q.columns());
    max.require("max", rows, q.columns() / headSize);
    sum.require("sum", rows, q.columns() / headSize);
    k.require("k", rows, k.columns());
    dK.require("dK", rows, k.columns());
    dV.require("dV", rows, k.columns());
    v.require("v", rows, k.columns());
    requireDocuments(documents, rows);
    AttentionBackwardJob job = workers.attentionBackwardJob;
    job.dQ = dQ;
    job.dK = dK;
    job.dV = dV;
    job.dOut = dOut;
    job.out = out;
    job.max = max;
    job.sum = sum;
    job.q = q;
    job.k = k;
    job.v = v;
    job.run(workers, headSize, documents);
  }

  private static void requireDocuments(int[] documents, int rows) {
    for (int i = 0; i < documents.length; i++) {
      if (i == 0 ? documents[0] != 0 : documents[i] <= documents[i - 1]) {
        throw new IllegalArgumentException(
            "documents: row " + documents[i] + " at " + i + ", needed ascending rows from 0");
      }
    }
    if (rows > 0 && (documents.length == 0 || documents[documents.length - 1] >= rows)) {
      throw new IllegalArgumentException(
          "documents: %d, needed at least 1 and each to start before row %d"
              .formatted(documents.length, rows));
    }
  }

  private static void run(
      Workers workers,
      FloatMatrix out,
      boolean keep,
      FloatMatrix max,
      FloatMatrix sum,
      FloatMatrix q,
      KeyValueRows cache,
      int firstPosition) {
    out.require("out", q.rows(), q.columns());
    int heads = q.columns() / cache.headSize;
    if (q.columns() % cache.headSize != 0 || heads % cache.heads != 0) {
      throw new IllegalArgumentException(
          "q: %d columns, needed a multiple of %d heads of %d"
              .formatted(q.columns(), cache.heads, cache.headSize));
    }
    if (firstPosition < 0 || firstPosition + q.rows() > cache.capacity()) {
      throw new IllegalArgumentException(
          "position: %d rows from %d, the cache holds %d"
              .formatted(q.rows(), firstPosition, cache.capacity()));
    }
    if (q.rows() == 0) {
      return;
    }
    ForwardJob job = workers.attentionJob;
    job.out = out;
    job.keep = keep;
    job.max = max;
    job.sum = sum;
    job.q = q;
    job.cache = cache;
    job.firstPosition = firstPosition;
    job.keyBlock = workers.blocking().keys();
    job.heads = heads;
    job.tile = Simd.VECTOR && q.rows() >= Linear.PACKED_FROM ? VectorAttention.QUERIES : 1;
    workers.run(job, heads * ((q.rows() + job.tile - 1) / job.tile));
  }

  /** 1 / √D. */
  static float scale(int headSize) {
    return (float) (1 / Math.sqrt(headSize));
  }

  /** One unit is one head and one query, or a tile of queries. */
  static final class ForwardJob extends Job {
    FloatMatrix out;
    boolean keep;
    FloatMatrix max;
    FloatMatrix sum;
    FloatMatrix q;
    KeyValueRows cache;
    int firstPosition;
    int keyBlock;
    private int heads;
    private int tile;

    @Override
    void run(int unit, Scratch scratch) {
      int head = unit % heads;
      int keyHead = head / (heads / cache.heads);
      int row = unit / heads * tile;
      if (tile > 1) {
        int rows = Math.min(tile, q.rows() - row);
        VectorAttention.tile(this, head, keyHead, row, rows, scratch);
      } else {
        one(this, head, keyHead, row, scratch);
      }
    }

    /** Keeps what the backward pass needs, if there will be one. */
    void keep(int head, int row, float rowMax, float rowSum) {
      if (keep) {
        max.data()[max.index(row) + head] = rowMax;
        sum.data()[sum.index(row) + head] = rowSum;
      }
    }
  }

  /** One query, streaming over the cache: the specification, with vectors where there are any. */
  static void one(ForwardJob job, int head, int keyHead, int row, Scratch scratch) {
    KeyValueRows cache = job.cache;
    int size = cache.headSize;
    int end = job.firstPosition + row + 1;
    float[] keys = scratch.floats(Use.KEYS, job.keyBlock * size);
    float[] values = scratch.floats(Use.VALUES, job.keyBlock * size);
    float[] scores = scratch.floats(Use.SCORES, cache.capacity() + job.keyBlock);
    float[] sums = scratch.floats(Use.SUMS, LayerNorm.PARTIAL_SUMS);
    float[] query = scratch.floats(Use.QUERIES, size);
    float[] result = scratch.floats(Use.OUTPUT, size);
    float scale = scale(size);
    for (int d = 0; d < size; d++) {
      query[d] = job.q.data()[job.q.index(row) + head * size + d] * scale;
    }
    for (int from = 0; from < end; from += job.keyBlock) { // all keys first: memory is one stream
      int count = Math.min(job.keyBlock, end - from);
      KeyValueReads.keys(keys, cache, keyHead, from, count, scratch);
      if (Simd.VECTOR) {
        VectorAttention.scores(scores, from, query, keys, size, count);
      } else {
        scores(scores, from, query, keys, size, count);
      }
    }
    Arrays.fill(result, 0, size, 0f);
    float max = Float.NEGATIVE_INFINITY;
    float sum = 0f;
    for (int from = 0; from < end; from += job.keyBlock) {
      int count = Math.min(job.keyBlock, end - from);
      float newMax = Math.max(max, largest(scores, from, count, scratch));
      float shrink = Exponential.exp(max - newMax);
      max = newMax;
      sum = Math.fma(sum, shrink, exponentials(scores, from, count, max, sums));
      KeyValueReads.values(values, cache, keyHead, from, count, scratch);
      if (Simd.VECTOR) {
        VectorAttention.addValues(result, shrink, scores, from, values, size, count);
      } else {
        addValues(result, shrink, scores, from, values, size, count, 0);
      }
    }
    int target = job.out.index(row) + head * size;
    for (int d = 0; d < size; d++) {
      job.out.data()[target + d] = result[d] / sum;
    }
    job.keep(head, row, max, sum);
  }

  /** Scores of {@code count} keys from {@code at} on, and of some after them. */
  static void scores(float[] scores, int at, float[] query, float[] keys, int size, int count) {
    for (int i = 0; i < count; i += 4) { // side by side they hide the latency of their chains
      float s0 = 0f;
      float s1 = 0f;
      float s2 = 0f;
      float s3 = 0f;
      int key = KeyValueReads.key(size, i);
      for (int d = 0; d < size; d++) {
        int line = key + d * KeyValueRows.KEY_BLOCK;
        s0 = Math.fma(query[d], keys[line], s0);
        s1 = Math.fma(query[d], keys[line + 1], s1);
        s2 = Math.fma(query[d], keys[line + 2], s2);
        s3 = Math.fma(query[d], keys[line + 3], s3);
      }
      scores[at + i] = s0;
      scores[at + i + 1] = s1;
      scores[at + i + 2] = s2;
      scores[at + i + 3] = s3;
    }
  }

  static float max(float[] scores, int at, int count) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      max = Math.max(max, scores[at + i]);
    }
    return max;
  }

  /** {@link #max}, which is the same in any order, with vectors where there are any. */
  static float largest(float[] scores, int at, int count, Scratch scratch) {
    return Simd.VECTOR
        ? VectorElementwise.max(scores, at, count, scratch.floats(Use.SUMS, LayerNorm.PARTIAL_SUMS))
        : max(scores, at, count);
  }

  /** Replaces scores by {@code e^(s − max)} and returns their sum. */
  static float exponentials(float[] scores, int at, int count, float max, float[] sums) {
    Exponential.expMinus(scores, at, count, max);
    int summed = Simd.VECTOR ? VectorLayerNorm.sums(sums, scores, at, count) : 0;
    if (summed == 0) {
      Arrays.fill(sums, 0, LayerNorm.PARTIAL_SUMS, 0f);
    }
    LayerNorm.addScalar(sums, scores, at, summed, count);
    return LayerNorm.total(sums);
  }

  /** {@code result = result · shrink + Σ p · v} for features from {@code firstFeature} on. */
  static void addValues(
      float[] result,
      float shrink,
      float[] scores,
      int at,
      float[] values,
      int size,
      int count,
      int firstFeature) {
    for (int d = firstFeature; d < size; d++) {
      result[d] *= shrink;
    }
    for (int i = 0; i < count; i++) {
      float p = scores[at + i];
      for (int d = firstFeature; d < size; d++) {
        result[d] = Math.fma(p, values[i * size + d], result[d]);
      }
    }
  }
}
