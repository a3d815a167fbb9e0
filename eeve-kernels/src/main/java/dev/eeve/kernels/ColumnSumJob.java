package dev.eeve.kernels;

/** {@code dBias += Σ dOut}: one unit is a stretch of columns, over all rows in order. */
final class ColumnSumJob extends Job {
  private static final int COLUMNS = 256;

  /** Rows that are read side by side: one alone is too short for the memory to keep up. */
  private static final int ROWS = 8;

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
    int r = 0;
    for (; r + ROWS <= dOut.rows(); r += ROWS) {
      addRows(dBias, from, dOut.data(), dOut.index(r) + first + from, dOut.columns(), count);
    }
    for (; r < dOut.rows(); r++) {
      add(dBias, from, dOut.data(), dOut.index(r) + first + from, count);
    }
  }

  private static void addRows(float[] sums, int at, float[] rows, int r0, int stride, int count) {
    int r1 = r0 + stride;
    int r2 = r1 + stride;
    int r3 = r2 + stride;
    int r4 = r3 + stride;
    int r5 = r4 + stride;
    int r6 = r5 + stride;
    int r7 = r6 + stride;
    for (int i = 0; i < count; i++) {
      float four = sums[at + i] + rows[r0 + i] + rows[r1 + i] + rows[r2 + i] + rows[r3 + i];
      sums[at + i] = four + rows[r4 + i] + rows[r5 + i] + rows[r6 + i] + rows[r7 + i];
    }
  }

  private static void add(float[] sums, int at, float[] row, int from, int count) {
    for (int i = 0; i < count; i++) {
      sums[at + i] += row[from + i];
    }
  }
}
