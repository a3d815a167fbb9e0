package dev.eeve.kernels;

import java.util.Arrays;

/**
 * Quantizes rows of matrices to signed bytes, 32 features of a row with one fp32 scale, for weights
 * of 4 bits: a product of both fits 16 bits, and so does a block's sum of them.
 *
 * <p>{@code scale = max |x| / 127}, {@code code = x · 1/scale} rounded to nearest, ties to even. A
 * block that is not finite has the scale NaN. Rows stand in tiles: for each tile, for each block,
 * its rows, 32 codes each; rows past the last are zero. Neighbours that are the same matrix share
 * one quantization.
 */
final class QuantizeRowsJob extends Job {
  /** Features that share a scale. */
  static final int BLOCK = BlockLayout.COLUMNS;

  /** Adding and taking it away again rounds a small float to an integer. */
  static final float ROUND = 0x1.8p23f;

  /** Codes, each in both halves of an int, as the broadcast operand of 16-bit lanes. */
  int[] codes = {};

  /** One scale a block of a row. */
  float[] scales = {};

  private FloatMatrix[] matrices = {};
  private int[] starts = {};
  private int count;
  private int tile;
  private int tiles;

  /** Makes room for {@code count} matrices; {@link #set} gives them. */
  void begin(int count) {
    this.count = count;
    if (matrices.length < count) {
      matrices = new FloatMatrix[count];
      starts = new int[count];
    }
  }

  void set(int i, FloatMatrix matrix) {
    matrices[i] = matrix;
  }

  /** Quantizes all matrices, which have equally many rows, in tiles of some. */
  void quantize(Workers workers, int tile) {
    if (count == 0) {
      return;
    }
    this.tile = tile;
    tiles = (matrices[0].rows() + tile - 1) / tile;
    int size = 0;
    for (int i = 0; i < count; i++) {
      starts[i] = shared(i) ? starts[i - 1] : size;
      if (!shared(i)) {
        size = Math.addExact(size, Math.multiplyExact(tiles * tile, matrices[i].columns()));
      }
    }
    if (codes.length < size) {
      codes = new int[size];
      scales = new float[size / BLOCK];
    }
    workers.run(this, tiles * count);
    Arrays.fill(matrices, 0, count, null);
  }

  private boolean shared(int i) {
    return i > 0 && matrices[i] == matrices[i - 1];
  }

  @Override
  void run(int unit, Scratch scratch) {
    if (shared(unit / tiles)) {
      return;
    }
    FloatMatrix matrix = matrices[unit / tiles];
    int blocks = matrix.columns() / BLOCK;
    int first = unit % tiles * tile;
    for (int r = 0; r < tile; r++) {
      for (int b = 0; b < blocks; b++) {
        int to = scale(unit / tiles, first, b, blocks) + r;
        if (first + r >= matrix.rows()) {
          Arrays.fill(codes, to * BLOCK, (to + 1) * BLOCK, 0);
          scales[to] = 0;
        } else if (Simd.VECTOR) {
          VectorNibbles.quantize(
              matrix.data(), matrix.index(first + r) + b * BLOCK, codes, to * BLOCK, scales, to);
        } else {
          quantize(
              matrix.data(), matrix.index(first + r) + b * BLOCK, codes, to * BLOCK, scales, to);
        }
      }
    }
  }

  /** The specification: one block. */
  static void quantize(float[] x, int at, int[] codes, int to, float[] scales, int scaleAt) {
    float largest = 0;
    for (int i = 0; i < BLOCK; i++) {
      largest = Math.max(largest, Math.abs(x[at + i]));
    }
    float scale = scale(largest);
    float inverse = inverse(scale);
    for (int i = 0; i < BLOCK; i++) {
      int code = Float.floatToRawIntBits(x[at + i] * inverse + ROUND);
      code -= Float.floatToRawIntBits(ROUND);
      codes[to + i] = code << 16 | code & 0xFFFF;
    }
    scales[scaleAt] = scale;
  }

  /** NaN where the block is not finite. */
  static float scale(float largest) {
    return largest / 127 + largest * 0;
  }

  /** 0 where a scale is so small that its inverse is not finite: the block then counts as zeros. */
  static float inverse(float scale) {
    float inverse = 1 / scale;
    return inverse < Float.POSITIVE_INFINITY ? inverse : 0;
  }

  /**
   * Where the scale of a block of the first row of a tile is; the tile's other rows follow. Codes
   * are at 32 times the place.
   */
  int scale(int matrix, int firstRow, int block, int blocks) {
    return starts[matrix] / BLOCK + firstRow * blocks + block * tile;
  }
}
