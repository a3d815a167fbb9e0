package dev.eeve.kernels;

/** {@code dBias += Σ dOut}: one unit is a stretch of columns, over all rows in order. */
final class ColumnSumJob extends Job {
  private static final int COLUMNS = 512;

  private float[] dBias;
  private FloatMatrix dOut;
  private int first;

  void run(Workers workers, float[] dBias, FloatMatrix dOut, int first) {
    this.dBias = dBias;
    this.dOut = dOut;
    this.first = first;
    workers.run(this, (dBias.length + COLUMNS - 1) / COLUMNS);
    this.dBias = null;
    this.dOut = null;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int from = unit * COLUMNS;
    int count = Math.min(COLUMNS, dBias.length - from);
    for (int r = 0; r < dOut.rows(); r++) {
      add(dBias, from, dOut.data(), dOut.index(r) + first + from, count);
    }
  }

  private static void add(float[] sums, int at, float[] row, int from, int count) {
    for (int i = 0; i < count; i++) {
      sums[at + i] += row[from + i];
    }
  }
}
