package dev.eeve.kernels;

/**
 * Packs columns of matrices as the broadcast operand of {@link VectorTile}: for each block of rows,
 * for each tile, row by row, the tile's columns side by side. Columns past the last are zero.
 * Neighbours that are the same matrix share one packing.
 */
final class PackColumnsJob extends Job {
  /** Columns that one unit packs, in tiles. */
  private static final int UNIT_TILES = 8;

  float[] buffer = {};
  private FloatMatrix[] matrices = {};
  private int[] starts = {};
  private int[] firstUnits = {};
  private int count;
  private int depth;

  /** Makes room for {@code count} matrices; {@link #set} gives them. */
  void begin(int count) {
    this.count = count;
    if (matrices.length < count) {
      matrices = new FloatMatrix[count];
      starts = new int[count];
      firstUnits = new int[count];
    }
  }

  void set(int i, FloatMatrix matrix) {
    matrices[i] = matrix;
  }

  /** Packs all matrices, which have equally many rows, in blocks of {@code depth} rows. */
  void pack(Workers workers, int depth) {
    this.depth = depth;
    int size = 0;
    int units = 0;
    for (int i = 0; i < count; i++) {
      boolean shared = i > 0 && matrices[i] == matrices[i - 1];
      starts[i] = shared ? starts[i - 1] : size;
      firstUnits[i] = units;
      if (!shared) {
        size = Math.addExact(size, Math.multiplyExact(matrices[i].rows(), padded(i)));
        units += (padded(i) / VectorTile.ROWS + UNIT_TILES - 1) / UNIT_TILES;
      }
    }
    if (buffer.length < size) {
      buffer = new float[size];
    }
    workers.run(this, units);
  }

  /** Forgets the matrices. */
  void end() {
    for (int i = 0; i < count; i++) {
      matrices[i] = null;
    }
  }

  private int padded(int i) {
    return (matrices[i].columns() + VectorTile.ROWS - 1) / VectorTile.ROWS * VectorTile.ROWS;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int i = 0;
    while (i + 1 < count && unit >= firstUnits[i + 1]) {
      i++;
    }
    int first = (unit - firstUnits[i]) * UNIT_TILES * VectorTile.ROWS;
    int last = Math.min(padded(i), first + UNIT_TILES * VectorTile.ROWS);
    FloatMatrix matrix = matrices[i];
    for (int row = 0; row < matrix.rows(); row += depth) {
      int rows = Math.min(depth, matrix.rows() - row);
      for (int k = first; k < last; k += VectorTile.ROWS) {
        packTile(matrix, row, rows, k, index(i, row, k, rows));
      }
    }
  }

  private void packTile(FloatMatrix matrix, int row, int rows, int column, int at) {
    int width = Math.min(VectorTile.ROWS, matrix.columns() - column);
    float[] from = matrix.data();
    for (int r = 0; r < rows; r++) {
      int x = matrix.index(row + r) + column;
      int to = at + r * VectorTile.ROWS;
      for (int c = 0; c < VectorTile.ROWS; c++) {
        buffer[to + c] = c < width ? from[x + c] : 0f;
      }
    }
  }

  /** Where the tile of column {@code first} starts for a block of rows from {@code row} on. */
  int index(int matrix, int row, int first, int rows) {
    return starts[matrix] + row * padded(matrix) + first * rows;
  }
}
