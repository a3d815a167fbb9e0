package dev.eeve.kernels;

/** {@code out[r] = weight[ids[r]]}. */
public final class Embedding {
  private Embedding() {}

  /**
   * Looks rows up.
   *
   * @param out (R, C), overwritten
   * @param ids R ids from {@code idsOffset}, each within the weight's rows
   * @param idsOffset index of the first id
   * @param weight (V, C), read
   */
  public static void forward(FloatMatrix out, int[] ids, int idsOffset, Weights weight) {
    out.require("out", out.rows(), weight.columns());
    for (int r = 0; r < out.rows(); r++) {
      int id = ids[idsOffset + r];
      if (id < 0 || id >= weight.rows()) {
        throw new IllegalArgumentException(
            "ids: %d at %d, needed 0 to %d".formatted(id, idsOffset + r, weight.rows() - 1));
      }
      weight.row(id, out.data(), out.index(r));
    }
  }

  /**
   * Looks rows up that stand in a stretch of the matrix; {@code out} keeps what it has where an id
   * is outside of it.
   *
   * @param workers the caller's threads
   * @param out (R, C), overwritten where ids are within
   * @param ids R ids
   * @param weight (N, C), read: rows {@code firstRow … firstRow + N}
   * @param firstRow the row that is row 0 of {@code weight}
   */
  public static void forward(
      Workers workers, FloatMatrix out, int[] ids, Weights weight, int firstRow) {
    out.require("out", ids.length, weight.columns());
    workers.embeddingForwardJob.run(workers, out, ids, weight, firstRow);
  }

  /**
   * {@code dWeight[ids[r] − firstRow] += dOut[r]}, in the order of r; ids outside the trained rows
   * are passed over.
   *
   * @param workers the caller's threads
   * @param dWeight (N, C), F32, added to: the gradient of rows {@code firstRow … firstRow + N}
   * @param firstRow the first row that trains
   * @param dOut (R, C), read
   * @param ids R ids from {@code idsOffset}
   * @param idsOffset index of the first id
   */
  public static void backward(
      Workers workers, Weights dWeight, int firstRow, FloatMatrix dOut, int[] ids, int idsOffset) {
    dOut.require("dOut", dOut.rows(), dWeight.columns());
    if (dWeight.type() != ElementType.F32) {
      throw new IllegalArgumentException(
          "dWeight: " + dWeight.type() + ", needed " + ElementType.F32);
    }
    if (idsOffset < 0 || idsOffset > ids.length - dOut.rows()) {
      throw new IllegalArgumentException(
          "ids: %d from %d, needed %d".formatted(ids.length, idsOffset, dOut.rows()));
    }
    workers.embeddingBackwardJob.run(workers, dWeight, firstRow, dOut, ids, idsOffset);
  }

  /** One unit is some rows. */
  static final class ForwardJob extends Job {
    private static final int ROWS = 16;

    private FloatMatrix out;
    private int[] ids;
    private Weights weight;
    private int firstRow;

    void run(Workers workers, FloatMatrix out, int[] ids, Weights weight, int firstRow) {
      this.out = out;
      this.ids = ids;
      this.weight = weight;
      this.firstRow = firstRow;
      workers.run(this, (ids.length + ROWS - 1) / ROWS);
      this.out = null;
      this.ids = null;
      this.weight = null;
    }

    @Override
    void run(int unit, Scratch scratch) {
      for (int r = unit * ROWS; r < Math.min(ids.length, (unit + 1) * ROWS); r++) {
        int row = ids[r] - firstRow;
        if (row >= 0 && row < weight.rows()) {
          weight.row(row, out.data(), out.index(r));
        }
      }
    }
  }

  /** One unit is a stretch of columns, over all rows in order. */
  static final class BackwardJob extends Job {
    private static final int COLUMNS = 256;

    private Weights dWeight;
    private int firstRow;
    private FloatMatrix dOut;
    private int[] ids;
    private int idsOffset;

    void run(
        Workers workers,
        Weights dWeight,
        int firstRow,
        FloatMatrix dOut,
        int[] ids,
        int idsOffset) {
      this.dWeight = dWeight;
      this.firstRow = firstRow;
      this.dOut = dOut;
      this.ids = ids;
      this.idsOffset = idsOffset;
      workers.run(this, (dOut.columns() + COLUMNS - 1) / COLUMNS);
      this.dWeight = null;
      this.dOut = null;
      this.ids = null;
    }

    @Override
    void run(int unit, Scratch scratch) {
      int from = unit * COLUMNS;
      int to = Math.min(dOut.columns(), from + COLUMNS);
      for (int r = 0; r < dOut.rows(); r++) {
        int row = ids[idsOffset + r] - firstRow;
        if (row >= 0 && row < dWeight.rows()) {
          dWeight.addToRow(row, dOut.data(), dOut.index(r), from, to);
        }
      }
    }
  }
}
