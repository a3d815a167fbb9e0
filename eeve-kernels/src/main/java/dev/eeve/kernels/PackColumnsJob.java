package dev.eeve.kernels;

/**
 * Packs columns of a matrix as the broadcast operand of {@link VectorTile}: for each block of rows,
 * for each tile, row by row, the tile's columns side by side. Columns past the last are zero.
 */
final class PackColumnsJob extends Job {
  /** Columns that one unit packs, in tiles. */
  private static final int UNIT_TILES = 8;

  float[] buffer = {};
  private FloatMatrix matrix;
  private int depth;
  private int from;
  private int to;

  /** Packs columns {@code from … to} in blocks of {@code depth} rows. */
  void pack(Workers workers, FloatMatrix matrix, int depth, int from, int to) {
    this.matrix = matrix;
    this.depth = depth;
    this.from = from;
    this.to = to;
    int size = Math.multiplyExact(matrix.rows(), padded());
    if (buffer.length < size) {
      buffer = new float[size];
    }
    workers.run(this, (padded() / VectorTile.ROWS + UNIT_TILES - 1) / UNIT_TILES);
    this.matrix = null;
  }

  private int padded() {
    return (to - from + VectorTile.ROWS - 1) / VectorTile.ROWS * VectorTile.ROWS;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int first = unit * UNIT_TILES * VectorTile.ROWS;
    int last = Math.min(padded(), first + UNIT_TILES * VectorTile.ROWS);
    for (int row = 0; row < matrix.rows(); row += depth) {
      int rows = Math.min(depth, matrix.rows() - row);
      for (int k = first; k < last; k += VectorTile.ROWS) {
        packTile(row, rows, k, index(row, k, rows));
      }
    }
  }

  private void packTile(int row, int rows, int column, int at) {
    int width = Math.min(VectorTile.ROWS, to - from - column);
    float[] data = matrix.data();
    for (int r = 0; r < rows; r++) {
      int x = matrix.index(row + r) + from + column;
      int target = at + r * VectorTile.ROWS;
      for (int c = 0; c < VectorTile.ROWS; c++) {
        buffer[target + c] = c < width ? data[x + c] : 0f;
      }
    }
  }

  /** Where the tile of packed column {@code first} starts for a block of rows from {@code row}. */
  int index(int row, int first, int rows) {
    return row * padded() + first * rows;
  }
}
