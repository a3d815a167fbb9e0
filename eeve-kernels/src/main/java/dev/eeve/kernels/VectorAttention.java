package dev.eeve.kernels;

import dev.eeve.kernels.CausalAttention.ForwardJob;
import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Vector twins of {@link CausalAttention}: streaming for one query, register tiles for many. */
final class VectorAttention {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int ROWS = VectorTile.ROWS;
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final int STRIDE = VectorTile.STRIDE;
  private static final int KEY_BLOCK = KeyValueRows.KEY_BLOCK;

  /** Queries that share a copied block of keys: whole tiles, about 40. */
  static final int QUERIES = 40 / ROWS * ROWS;

  private VectorAttention() {}

  /** Scores of one query; lanes are keys, features in order. */
  static void scores(float[] scores, int at, float[] query, float[] keys, int size, int count) {
    int i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES) {
      fourScores(scores, at, query, keys, size, i);
    }
    for (; i < count; i += LANES) {
      int key = KeyValueReads.key(size, i);
      FloatVector sum = FloatVector.zero(FLOATS);
      for (int d = 0; d < size; d++) {
        FloatVector k = FloatVector.fromArray(FLOATS, keys, key + d * KEY_BLOCK);
        sum = k.fma(FloatVector.broadcast(FLOATS, query[d]), sum);
      }
      sum.intoArray(scores, at + i);
    }
  }

  /** Four vectors of keys side by side hide the latency of the sums. */
  private static void fourScores(
      float[] scores, int at, float[] query, float[] keys, int size, int i) {
    int key0 = KeyValueReads.key(size, i);
    int key1 = KeyValueReads.key(size, i + LANES);
    int key2 = KeyValueReads.key(size, i + 2 * LANES);
    int key3 = KeyValueReads.key(size, i + 3 * LANES);
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int d = 0; d < size; d++) {
      int line = d * KEY_BLOCK;
      FloatVector q = FloatVector.broadcast(FLOATS, query[d]);
      s0 = FloatVector.fromArray(FLOATS, keys, key0 + line).fma(q, s0);
      s1 = FloatVector.fromArray(FLOATS, keys, key1 + line).fma(q, s1);
      s2 = FloatVector.fromArray(FLOATS, keys, key2 + line).fma(q, s2);
      s3 = FloatVector.fromArray(FLOATS, keys, key3 + line).fma(q, s3);
    }
    s0.intoArray(scores, at + i);
    s1.intoArray(scores, at + i + LANES);
    s2.intoArray(scores, at + i + 2 * LANES);
    s3.intoArray(scores, at + i + 3 * LANES);
  }

  /** {@code result = result · shrink + Σ p · v} of one query; lanes are features. */
  static void addValues(
      float[] result, float shrink, float[] scores, int at, float[] values, int size, int count) {
    int bound = FLOATS.loopBound(size);
    int d = 0;
    if (bound / LANES % 5 == 0) { // phi-2's heads of 80 at 256 and 512 bits
      for (; d < bound; d += 5 * LANES) {
        addFiveValues(result, shrink, scores, at, values, size, count, d);
      }
    }
    for (; d + 4 * LANES <= bound; d += 4 * LANES) {
      addFourValues(result, shrink, scores, at, values, size, count, d);
    }
    for (; d < bound; d += LANES) {
      FloatVector sum = FloatVector.fromArray(FLOATS, result, d).mul(shrink);
      for (int i = 0; i < count; i++) {
        FloatVector v = FloatVector.fromArray(FLOATS, values, i * size + d);
        sum = v.fma(FloatVector.broadcast(FLOATS, scores[at + i]), sum);
      }
      sum.intoArray(result, d);
    }
    CausalAttention.addValues(result, shrink, scores, at, values, size, count, bound);
  }

  /** Five vectors of features side by side hide the latency of the sums. */
  private static void addFiveValues(
      float[] result,
      float shrink,
      float[] scores,
      int at,
      float[] values,
      int size,
      int count,
      int d) {
    FloatVector s0 = FloatVector.fromArray(FLOATS, result, d).mul(shrink);
    FloatVector s1 = FloatVector.fromArray(FLOATS, result, d + LANES).mul(shrink);
    FloatVector s2 = FloatVector.fromArray(FLOATS, result, d + 2 * LANES).mul(shrink);
    FloatVector s3 = FloatVector.fromArray(FLOATS, result, d + 3 * LANES).mul(shrink);
    FloatVector s4 = FloatVector.fromArray(FLOATS, result, d + 4 * LANES).mul(shrink);
    for (int i = 0; i < count; i++) {
      int from = i * size + d;
      FloatVector p = FloatVector.broadcast(FLOATS, scores[at + i]);
      s0 = FloatVector.fromArray(FLOATS, values, from).fma(p, s0);
      s1 = FloatVector.fromArray(FLOATS, values, from + LANES).fma(p, s1);
      s2 = FloatVector.fromArray(FLOATS, values, from + 2 * LANES).fma(p, s2);
      s3 = FloatVector.fromArray(FLOATS, values, from + 3 * LANES).fma(p, s3);
      s4 = FloatVector.fromArray(FLOATS, values, from + 4 * LANES).fma(p, s4);
    }
    s0.intoArray(result, d);
    s1.intoArray(result, d + LANES);
    s2.intoArray(result, d + 2 * LANES);
    s3.intoArray(result, d + 3 * LANES);
    s4.intoArray(result, d + 4 * LANES);
  }

  /** Four vectors, for other sizes. */
  private static void addFourValues(
      float[] result,
      float shrink,
      float[] scores,
      int at,
      float[] values,
      int size,
      int count,
      int d) {
    FloatVector s0 = FloatVector.fromArray(FLOATS, result, d).mul(shrink);
    FloatVector s1 = FloatVector.fromArray(FLOATS, result, d + LANES).mul(shrink);
    FloatVector s2 = FloatVector.fromArray(FLOATS, result, d + 2 * LANES).mul(shrink);
    FloatVector s3 = FloatVector.fromArray(FLOATS, result, d + 3 * LANES).mul(shrink);
    for (int i = 0; i < count; i++) {
      int from = i * size + d;
      FloatVector p = FloatVector.broadcast(FLOATS, scores[at + i]);
      s0 = FloatVector.fromArray(FLOATS, values, from).fma(p, s0);
      s1 = FloatVector.fromArray(FLOATS, values, from + LANES).fma(p, s1);
      s2 = FloatVector.fromArray(FLOATS, values, from + 2 * LANES).fma(p, s2);
      s3 = FloatVector.fromArray(FLOATS, values, from + 3 * LANES).fma(p, s3);
    }
    s0.intoArray(result, d);
    s1.intoArray(result, d + LANES);
    s2.intoArray(result, d + 2 * LANES);
    s3.intoArray(result, d + 3 * LANES);
  }

  /**
   * Rows {@code row … row + rows} of one head, block of keys by block of keys. Scores and results
   * stand in column groups of {@link VectorTile#STRIDE}, each with {@link #QUERIES} rows.
   */
  static void tile(ForwardJob job, int head, int keyHead, int row, int rows, Scratch scratch) {
    KeyValueRows cache = job.cache;
    int size = cache.headSize;
    int width = roundUp(size, STRIDE);
    int keyWidth = roundUp(job.keyBlock, STRIDE);
    float[] queries = scratch.floats(Use.QUERIES, QUERIES * size);
    float[] read = scratch.floats(Use.KEYS, job.keyBlock * size);
    MemorySegment keys = scratch.segment(Use.KEYS, 4L * keyWidth * size);
    MemorySegment values = scratch.segment(Use.VALUES, 4L * width * job.keyBlock);
    float[] scores = scratch.floats(Use.SCORES, QUERIES * keyWidth);
    float[] probabilities = scratch.floats(Use.PROBABILITIES, QUERIES * job.keyBlock);
    float[] result = scratch.floats(Use.OUTPUT, QUERIES * width);
    float[] running = scratch.floats(Use.RUNNING, 2 * QUERIES);
    packQueries(queries, job, head, row, rows);
    Arrays.fill(result, 0, QUERIES * width, 0f);
    Arrays.fill(running, 0, QUERIES, Float.NEGATIVE_INFINITY);
    Arrays.fill(running, QUERIES, 2 * QUERIES, 0f);
    int end = job.firstPosition + row + rows;
    for (int from = 0; from < end; from += job.keyBlock) {
      int count = Math.min(job.keyBlock, end - from);
      KeyValueReads.keys(read, cache, keyHead, from, count, scratch);
      copyKeys(keys, read, size, count);
      KeyValueReads.values(read, cache, keyHead, from, count, scratch);
      copyValues(values, read, size, count);
      Arrays.fill(scores, 0, QUERIES * keyWidth, 0f);
      addTiles(scores, queries, keys, rows, count, size);
      softmaxBlock(job, row, rows, from, count, scratch);
      addTiles(result, probabilities, values, rows, size, count);
    }
    for (int r = 0; r < rows; r++) {
      int target = job.out.index(row + r) + head * size;
      for (int d = 0; d < size; d++) {
        job.out.data()[target + d] = result[index(r, d)] / running[QUERIES + r];
      }
      job.keep(head, row + r, running[r], running[QUERIES + r]);
    }
  }

  /** Where column {@code c} of row {@code r} stands in column groups. */
  private static int index(int r, int c) {
    return (c / STRIDE * QUERIES + r) * STRIDE + c % STRIDE;
  }

  /** {@code out += in · block} for packed rows and column blocks of {@code features} lines. */
  private static void addTiles(
      float[] out, float[] in, MemorySegment block, int rows, int columns, int features) {
    for (int r = 0; r < rows; r += ROWS) {
      for (int c = 0; c < columns; c += COLUMNS) {
        VectorTile.add(out, index(r, c), in, r * features, block, 4L * c * features, features);
      }
    }
  }

  private static void packQueries(float[] queries, ForwardJob job, int head, int row, int rows) {
    int size = job.cache.headSize;
    float scale = CausalAttention.scale(size);
    for (int r = 0; r < roundUp(rows, ROWS); r++) {
      int at = r / ROWS * ROWS * size + r % ROWS;
      boolean exists = r < rows;
      int from = exists ? job.q.index(row + r) + head * size : 0;
      for (int d = 0; d < size; d++) {
        queries[at + d * ROWS] = exists ? job.q.data()[from + d] * scale : 0f;
      }
    }
  }

  /** Keys as column blocks: {@code (keyWidth / COLUMNS, D, COLUMNS)}. */
  private static void copyKeys(MemorySegment keys, float[] read, int size, int count) {
    for (int i = 0; i < roundUp(count, KEY_BLOCK); i += LANES) {
      int key = KeyValueReads.key(size, i);
      long at = 4L * (i / COLUMNS * COLUMNS * size + i % COLUMNS);
      for (int d = 0; d < size; d++) {
        FloatVector.fromArray(FLOATS, read, key + d * KEY_BLOCK)
            .intoMemorySegment(keys, at + (long) d * VectorTile.LINE, ORDER);
      }
    }
  }

  /** Values as column blocks {@code (D / COLUMNS, count, COLUMNS)}, zero past the head size. */
  private static void copyValues(MemorySegment values, float[] read, int size, int count) {
    for (int c = 0; c < size; c += COLUMNS) {
      int columns = Math.min(COLUMNS, size - c);
      int bound = FLOATS.loopBound(columns);
      for (int i = 0; i < count; i++) {
        long at = 4L * (c * count + i * COLUMNS);
        int value = i * size + c;
        for (int j = 0; j < bound; j += LANES) {
          FloatVector.fromArray(FLOATS, read, value + j)
              .intoMemorySegment(values, at + j * 4L, ORDER);
        }
        for (int j = bound; j < COLUMNS; j++) {
          values.set(KeyValueRows.FLOAT, at + j * 4L, j < columns ? read[value + j] : 0f);
        }
      }
    }
  }

  /** Running maximum and sum, probabilities packed for the next tile, earlier results shrunk. */
  private static void softmaxBlock(
      ForwardJob job, int row, int rows, int from, int count, Scratch scratch) {
    int size = job.cache.headSize;
    float[] scores = scratch.floats(Use.SCORES, 0);
    float[] probabilities = scratch.floats(Use.PROBABILITIES, 0);
    float[] result = scratch.floats(Use.OUTPUT, 0);
    float[] running = scratch.floats(Use.RUNNING, 0);
    float[] sums = scratch.floats(Use.SUMS, LayerNorm.PARTIAL_SUMS);
    float[] line = scratch.floats(Use.LINE, job.keyBlock);
    for (int r = 0; r < roundUp(rows, ROWS); r++) {
      int seen = r < rows ? Math.clamp(job.firstPosition + row + r + 1L - from, 0, count) : 0;
      if (seen > 0) {
        for (int c = 0; c < seen; c += STRIDE) {
          System.arraycopy(scores, index(r, c), line, c, Math.min(STRIDE, seen - c));
        }
        float max = Math.max(running[r], CausalAttention.largest(line, 0, seen, scratch));
        float shrink = Exponential.exp(running[r] - max);
        running[r] = max;
        float sum = CausalAttention.exponentials(line, 0, seen, max, sums);
        running[QUERIES + r] = Math.fma(running[QUERIES + r], shrink, sum);
        for (int c = 0; c < size && shrink != 1f; c += STRIDE) {
          int at = index(r, c);
          for (int d = 0; d < STRIDE; d++) {
            result[at + d] *= shrink;
          }
        }
      }
      int target = r / ROWS * ROWS * count + r % ROWS;
      for (int i = 0; i < count; i++) {
        probabilities[target + i * ROWS] = i < seen ? line[i] : 0f;
      }
    }
  }

  private static int roundUp(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
  }
}
