package dev.eeve.kernels;

/**
 * Packs rows of matrices as the broadcast operand of {@link VectorTile}: for each block of columns,
 * for each tile, column by column, the tile's rows side by side. Rows past the last are zero.
 * Neighbours that are the same matrix, packed alike, share one packing.
 */
final class PackRowsJob extends Job {
  float[] buffer = {};
  private FloatMatrix[] matrices = {};
  private boolean[] scaled = {};
  private int[] starts = {};
  private int count;
  private int tiles;
  private int depth;
  private int from;
  private int to;
  private volatile boolean tooLarge;

  /** Makes room for {@code count} matrices; {@link #set} gives them. */
  void begin(int count) {
    this.count = count;
    if (matrices.length < count) {
      matrices = new FloatMatrix[count];
      scaled = new boolean[count];
      starts = new int[count];
    }
  }

  void set(int i, FloatMatrix matrix) {
    set(i, matrix, false);
  }

  /**
   * As above.
   *
   * @param scale whether values are multiplied by {@link VectorProduct#F16_SCALE}
   */
  void set(int i, FloatMatrix matrix, boolean scale) {
    matrices[i] = matrix;
    scaled[i] = scale;
  }

  /**
   * Packs all matrices, which have equally many rows, in blocks of {@code depth} columns.
   *
   * @return false where a value was too large to be scaled; nothing can be said of the packing then
   */
  boolean pack(Workers workers, int depth) {
    return pack(workers, depth, 0, Integer.MAX_VALUE);
  }

  /** Packs columns {@code from … to} alone; blocks start at the first of them. */
  boolean pack(Workers workers, int depth, int from, int to) {
    this.depth = depth;
    this.from = from;
    this.to = to;
    tooLarge = false;
    if (count == 0) {
      return true;
    }
    tiles = (matrices[0].rows() + VectorTile.ROWS - 1) / VectorTile.ROWS;
    int size = 0;
    for (int i = 0; i < count; i++) {
      starts[i] = shared(i) ? starts[i - 1] : size;
      if (!shared(i)) {
        int floats = Math.multiplyExact(tiles * VectorTile.ROWS, columns(i));
        size = Math.addExact(size, floats);
      }
    }
    if (buffer.length < size) {
      buffer = new float[size];
    }
    workers.run(this, tiles * count);
    for (int i = 0; i < count; i++) {
      matrices[i] = null;
    }
    return !tooLarge;
  }

  private int columns(int i) {
    return Math.min(to, matrices[i].columns()) - from;
  }

  private boolean shared(int i) {
    return i > 0 && matrices[i] == matrices[i - 1] && scaled[i] == scaled[i - 1];
  }

  @Override
  void run(int unit, Scratch scratch) {
    if (shared(unit / tiles)) {
      return;
    }
    FloatMatrix matrix = matrices[unit / tiles];
    int first = unit % tiles * VectorTile.ROWS;
    int columns = columns(unit / tiles);
    for (int k = 0; k < columns; k += depth) {
      int features = Math.min(depth, columns - k);
      int at = index(unit / tiles, k, first, features);
      int column = from + k;
      if (first + VectorTile.ROWS <= matrix.rows()) {
        int x = matrix.index(first) + column;
        packTile(matrix.data(), x, matrix.columns(), features, buffer, at);
      } else {
        packLastTile(matrix, first, column, features, at);
      }
      if (scaled[unit / tiles]
          && !VectorProduct.scale(buffer, at, buffer, at, features * VectorTile.ROWS)) {
        tooLarge = true;
      }
    }
  }

  private void packLastTile(FloatMatrix matrix, int first, int column, int features, int at) {
    for (int r = 0; r < VectorTile.ROWS; r++) {
      boolean exists = first + r < matrix.rows();
      int x = exists ? matrix.index(first + r) + column : 0;
      for (int f = 0; f < features; f++) {
        buffer[at + f * VectorTile.ROWS + r] = exists ? matrix.data()[x + f] : 0f;
      }
    }
  }

  /** Stored front to back: a tile is larger than the first cache. */
  private static void packTile(
      float[] data, int from, int columns, int features, float[] buffer, int at) {
    for (int f = 0; f < features; f++) {
      int to = at + f * VectorTile.ROWS;
      for (int r = 0; r < VectorTile.ROWS; r++) {
        buffer[to + r] = data[from + r * columns + f];
      }
    }
  }

  /** Where the tile of row {@code first} starts for a block from packed column {@code k} on. */
  int index(int matrix, int k, int first, int features) {
    return starts[matrix] + k * tiles * VectorTile.ROWS + first * features;
  }
}
