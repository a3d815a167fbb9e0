package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;

/** What one thread needs for the attention's backward pass of one head of one document. */
final class AttentionBuffers {
  /** Queries and their dOut, packed for tiles. */
  float[] queries = {};

  float[] dOuts = {};

  /** Queries, their dOut and a block of keys as lines of columns. */
  MemorySegment queryLines = MemorySegment.NULL;

  MemorySegment dOutLines = MemorySegment.NULL;
  MemorySegment keyLines = MemorySegment.NULL;

  /** A block of keys and values turned: lines of features. */
  MemorySegment keys = MemorySegment.NULL;

  MemorySegment values = MemorySegment.NULL;

  /** Scores and their gradients, and both packed for tiles. */
  float[] scores = {};

  float[] dScores = {};
  float[] probabilityTiles = {};
  float[] dScoreTiles = {};
  float[] dScoreTurned = {};

  /** One row of probabilities and of their scores' gradients. */
  float[] probability = {};

  float[] dScore = {};

  /** Sums of gradients, and of each query what the softmax takes off. */
  float[] dQuery = {};

  float[] dKey = {};
  float[] dValue = {};
  float[] means = {};

  /**
   * Grows what is too small.
   *
   * @param scratch of the thread
   * @param rows queries of a document, whole tiles
   * @param queries of a block
   * @param keys of a block, whole tiles
   * @param width features of a head, whole column groups
   */
  void require(Scratch scratch, int rows, int queries, int keys, int width) {
    int all = Math.multiplyExact(rows, width);
    queryLines = scratch.segment(Use.QUERY_LINES, 4L * all);
    dOutLines = scratch.segment(Use.GRADIENT_LINES, 4L * all);
    keyLines = scratch.segment(Use.KEY_LINES, 4L * keys * width);
    this.keys = scratch.segment(Use.KEYS, 4L * keys * width);
    values = scratch.segment(Use.VALUES, 4L * keys * width);
    this.queries = grown(this.queries, all);
    dOuts = grown(dOuts, all);
    scores = grown(scores, queries * keys);
    dScores = grown(dScores, queries * keys);
    probabilityTiles = grown(probabilityTiles, queries * keys);
    dScoreTiles = grown(dScoreTiles, queries * keys);
    dScoreTurned = grown(dScoreTurned, queries * keys);
    probability = grown(probability, keys);
    dScore = grown(dScore, keys);
    dQuery = grown(dQuery, all);
    dKey = grown(dKey, all);
    dValue = grown(dValue, all);
    means = grown(means, rows);
  }

  private static float[] grown(float[] buffer, int size) {
    return buffer.length >= size ? buffer : new float[size];
  }
}
