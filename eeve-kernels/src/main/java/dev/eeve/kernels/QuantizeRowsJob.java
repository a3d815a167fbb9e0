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

  /** Ints a block where codes are steps: a line of scales meets four zeros, then come the codes. */
  static final int STEPS = BLOCK + 4;

  /** Adding and taking it away again rounds a small float to an integer. */
  static final float ROUND = 0x1.8p23f;

  /** Codes, each in both halves of an int, as the broadcast operand of 16-bit lanes. */
  int[] codes = {};

  /** One scale a block of a row. */
  float[] scales = {};

  /** Where codes are steps: −8 times each block's sum, modulo 2^16. */
  short[] starting = {};

  private FloatMatrix[] matrices = {};
  private int[] starts = {};
  private int count;
  private int tile;
  private int tiles;
  private boolean steps;

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

  /**
   * Quantizes all matrices, which have equally many rows, in tiles of some.
   *
   * @param steps whether codes are to be {@link #toSteps steps}
   */
  void quantize(Workers workers, int tile, boolean steps) {
    if (count == 0) {
      return;
    }
    this.tile = tile;
    this.steps = steps;
    tiles = (matrices[0].rows() + tile - 1) / tile;
    int size = 0;
    for (int i = 0; i < count; i++) {
      starts[i] = shared(i) ? starts[i - 1] : size;
      if (!shared(i)) {
        size = Math.addExact(size, Math.multiplyExact(tiles * tile, matrices[i].columns()));
      }
    }
    if (scales.length < size / BLOCK) {
      codes = new int[size / BLOCK * STEPS];
      scales = new float[size / BLOCK];
      starting = new short[size / BLOCK];
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
    int width = steps ? STEPS : BLOCK;
    for (int r = 0; r < tile; r++) {
      for (int b = 0; b < blocks; b++) {
        int place = scale(unit / tiles, first, b, blocks) + r;
        int to = (place + 1) * width - BLOCK;
        int from = matrix.index(first + r) + b * BLOCK;
        if (first + r >= matrix.rows()) {
          Arrays.fill(codes, to, to + BLOCK, 0);
          scales[place] = 0;
        } else if (Simd.VECTOR) {
          VectorNibbles.quantize(matrix.data(), from, codes, to, scales, place);
        } else {
          quantize(matrix.data(), from, codes, to, scales, place);
        }
        if (steps) {
          Arrays.fill(codes, to - width + BLOCK, to, 0);
          starting[place] = toSteps(codes, to);
        }
      }
    }
  }

  /**
   * Makes a block's codes factors of what a short of four nibbles gives by shifts alone. With
   * {@code u = code + 8} of the weights and {@code v = u0 + 16 u1 + 256 u2 + 4096 u3}, {@code Σ ui
   * xi = v x0 + (v >>> 4)(x1 - 16 x0) + (v >>> 8)(x2 - 16 x1) + (v >>> 12)(x3 - 16 x2)}, modulo
   * 2^16 as well.
   *
   * @return −8 times the block's sum, modulo 2^16
   */
  private static short toSteps(int[] codes, int at) {
    int sum = 0;
    for (int i = at; i < at + BLOCK; i += 4) {
      int x0 = (short) codes[i];
      int x1 = (short) codes[i + 1];
      int x2 = (short) codes[i + 2];
      int x3 = (short) codes[i + 3];
      codes[i + 1] = twice(x1 - 16 * x0);
      codes[i + 2] = twice(x2 - 16 * x1);
      codes[i + 3] = twice(x3 - 16 * x2);
      sum += x0 + x1 + x2 + x3;
    }
    return (short) (-8 * sum);
  }

  private static int twice(int code) {
    return code << 16 | code & 0xFFFF;
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
      codes[to + i] = twice(code);
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
