package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector twin of {@link AttentionBackwardJob}: five products in register tiles for each block
 * of queries and keys. What lies above the diagonal enters as zeros.
 */
final class VectorAttentionBackward {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT.withOrder(ORDER);
  private static final int ROWS = VectorTile.ROWS;
  private static final int COLUMNS = VectorTile.COLUMNS;
  private static final int STRIDE = VectorTile.STRIDE;

  /** Queries of a block: whole tiles, about 48. */
  private static final int QUERIES = 48 / ROWS * ROWS;

  /** Keys of a block: whole column groups, and whole tiles of 4 and 12. */
  private static final int KEYS = 96;

  private VectorAttentionBackward() {}

  /** All gradients of one key/value head of {@code count} rows from {@code first}. */
  static void head(AttentionBackwardJob job, int first, int count, int keyHead, Scratch scratch) {
    AttentionBuffers b = scratch.attentionBuffers();
    int width = roundUp(job.size, STRIDE);
    // A block's last tile of keys may reach past the document's last row.
    int rows = roundUp(count, ROWS) + ROWS;
    b.require(scratch, rows, QUERIES, roundUp(KEYS, ROWS), width);
    Arrays.fill(b.dKey, 0, rows * width, 0f);
    Arrays.fill(b.dValue, 0, rows * width, 0f);
    int column = keyHead * job.size;
    for (int g = 0; g < job.headsPerKey; g++) {
      int head = keyHead * job.headsPerKey + g;
      packQueries(job, first, count, head, b);
      Arrays.fill(b.dQuery, 0, rows * width, 0f);
      for (int from = 0; from < count; from += KEYS) {
        int keys = Math.min(KEYS, count - from);
        packKeys(job, first + from, keys, column, b);
        for (int row = from / ROWS * ROWS; row < count; row += QUERIES) {
          block(job, first, head, row, Math.min(QUERIES, count - row), from, keys, rows, count, b);
        }
      }
      copyOut(b.dQuery, rows, job.dQ, first, count, head * job.size, job.size, scale(job));
    }
    copyOut(b.dKey, rows, job.dK, first, count, column, job.size, 1f);
    copyOut(b.dValue, rows, job.dV, first, count, column, job.size, 1f);
  }

  private static float scale(AttentionBackwardJob job) {
    return CausalAttention.scale(job.size);
  }

  /** One block: scores, probabilities, and what they give to each gradient. */
  private static void block(
      AttentionBackwardJob job,
      int first,
      int head,
      int row,
      int queries,
      int from,
      int keys,
      int rows,
      int count,
      AttentionBuffers b) {
    int size = job.size;
    int padded = roundUp(queries, ROWS);
    int keyWidth = roundUp(keys, STRIDE);
    Arrays.fill(b.scores, 0, keyWidth * padded, 0f);
    Arrays.fill(b.dScores, 0, keyWidth * padded, 0f);
    for (int r = 0; r < queries; r += ROWS) {
      int in = (row + r) * size;
      for (int c = 0; c < keys; c += COLUMNS) {
        int out = index(r, c, padded);
        VectorTile.add(b.scores, out, b.queries, in, b.keys, 4L * c * size, size);
        VectorTile.add(b.dScores, out, b.dOuts, in, b.values, 4L * c * size, size);
      }
    }
    probabilities(job, first, head, row, queries, from, keys, b);
    for (int t = 0; t < keys; t += ROWS) {
      for (int c = 0; c < size; c += COLUMNS) {
        int out = index(from + t, c, rows);
        long lines = 4L * (c * count + row * COLUMNS);
        int in = t * queries;
        VectorTile.add(b.dValue, out, b.probabilityTiles, in, b.dOutLines, lines, queries);
        VectorTile.add(b.dKey, out, b.dScoreTiles, in, b.queryLines, lines, queries);
      }
    }
    for (int r = 0; r < queries; r += ROWS) {
      for (int c = 0; c < size; c += COLUMNS) {
        int out = index(row + r, c, rows);
        VectorTile.add(b.dQuery, out, b.dScoreTurned, r * keys, b.keyLines, 4L * c * keys, keys);
      }
    }
  }

  /** Where column {@code c} of row {@code r} stands in column groups of {@code rows} rows. */
  private static int index(int r, int c, int rows) {
    return (c / STRIDE * rows + r) * STRIDE + c % STRIDE;
  }

  private static void probabilities(
      AttentionBackwardJob job,
      int first,
      int head,
      int row,
      int queries,
      int from,
      int keys,
      AttentionBuffers b) {
    int padded = roundUp(queries, ROWS);
    for (int r = 0; r < padded; r++) {
      int seen = r < queries ? Math.clamp(row + r + 1L - from, 0, keys) : 0;
      if (seen > 0) {
        float max = job.max.data()[job.max.index(first + row + r) + head];
        float share = 1f / job.sum.data()[job.sum.index(first + row + r) + head];
        softmax(b, r, padded, seen, max, share, b.means[row + r]);
      }
      int end = roundUp(keys, ROWS);
      Arrays.fill(b.probability, seen, end, 0f);
      Arrays.fill(b.dScore, seen, end, 0f);
      int turned = r / ROWS * ROWS * keys + r % ROWS;
      for (int i = 0; i < keys; i++) {
        b.dScoreTurned[turned + i * ROWS] = b.dScore[i];
      }
      if (r < queries) {
        for (int t = 0; t < keys; t += ROWS) {
          int to = t * queries + r * ROWS;
          System.arraycopy(b.probability, t, b.probabilityTiles, to, ROWS);
          System.arraycopy(b.dScore, t, b.dScoreTiles, to, ROWS);
        }
      }
    }
  }

  private static void softmax(
      AttentionBuffers b, int r, int rows, int seen, float max, float share, float mean) {
    for (int c = 0; c < seen; c += LANES) {
      int at = index(r, c, rows);
      FloatVector p =
          VectorExponential.exp(FloatVector.fromArray(FLOATS, b.scores, at).sub(max)).mul(share);
      p.intoArray(b.probability, c);
      p.mul(FloatVector.fromArray(FLOATS, b.dScores, at).sub(mean)).intoArray(b.dScore, c);
    }
  }

  /** Queries and dOut of a head, as tiles {@code (T / ROWS, D, ROWS)} and as lines. */
  private static void packQueries(
      AttentionBackwardJob job, int first, int count, int head, AttentionBuffers b) {
    int size = job.size;
    float scale = scale(job);
    for (int r = 0; r < roundUp(count, ROWS); r++) {
      int tile = r / ROWS * ROWS * size + r % ROWS;
      if (r >= count) {
        for (int d = 0; d < size; d++) {
          b.queries[tile + d * ROWS] = 0f;
          b.dOuts[tile + d * ROWS] = 0f;
        }
        continue;
      }
      b.means[r] = AttentionBackwardJob.mean(job, first + r, head);
      int q = job.q.index(first + r) + head * size;
      int dOut = job.dOut.index(first + r) + head * size;
      for (int d = 0; d < size; d++) {
        b.queries[tile + d * ROWS] = job.q.data()[q + d] * scale;
        b.dOuts[tile + d * ROWS] = job.dOut.data()[dOut + d];
      }
      line(b.queryLines, r, count, job.q.data(), q, size, scale);
      line(b.dOutLines, r, count, job.dOut.data(), dOut, size, 1f);
    }
  }

  /** A block of keys and values: turned, as {@code (keys / COLUMNS, D, COLUMNS)}; keys as lines. */
  private static void packKeys(
      AttentionBackwardJob job, int first, int keys, int column, AttentionBuffers b) {
    int size = job.size;
    float[] k = job.k.data();
    float[] v = job.v.data();
    for (int i = 0; i < roundUp(keys, COLUMNS); i++) {
      boolean exists = i < keys;
      long at = 4L * (i / COLUMNS * COLUMNS * size + i % COLUMNS);
      int kAt = exists ? job.k.index(first + i) + column : 0;
      int vAt = exists ? job.v.index(first + i) + column : 0;
      for (int d = 0; d < size; d++, at += VectorTile.LINE) {
        b.keys.set(FLOAT, at, exists ? k[kAt + d] : 0f);
        b.values.set(FLOAT, at, exists ? v[vAt + d] : 0f);
      }
      if (exists) {
        line(b.keyLines, i, keys, k, kAt, size, 1f);
      }
    }
  }

  /** Row {@code r} of {@code (D / COLUMNS, rows, COLUMNS)}, zero past the last feature. */
  private static void line(
      MemorySegment lines, int r, int rows, float[] from, int at, int size, float factor) {
    for (int c = 0; c < size; c += LANES) {
      int group = c / COLUMNS * COLUMNS;
      long to = 4L * (group * rows + r * COLUMNS + c - group);
      if (c + LANES <= size) {
        FloatVector.fromArray(FLOATS, from, at + c).mul(factor).intoMemorySegment(lines, to, ORDER);
      } else {
        for (int j = 0; j < LANES; j++) {
          lines.set(FLOAT, to + j * 4L, c + j < size ? from[at + c + j] * factor : 0f);
        }
      }
    }
    // The rest of the last column group.
    for (int c = roundUp(size, LANES); c < roundUp(size, COLUMNS); c++) {
      int group = c / COLUMNS * COLUMNS;
      lines.set(FLOAT, 4L * (group * rows + r * COLUMNS + c - group), 0f);
    }
  }

  private static void copyOut(
      float[] sums, int rows, FloatMatrix to, int first, int count, int column, int size, float f) {
    for (int r = 0; r < count; r++) {
      int target = to.index(first + r) + column;
      for (int c = 0; c < size; c += STRIDE) {
        int at = index(r, c, rows);
        for (int d = 0; d < Math.min(STRIDE, size - c); d++) {
          to.data()[target + c + d] = sums[at + d] * f + 0f; // + 0: no negative zero
        }
      }
    }
  }

  private static int roundUp(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
  }
}
