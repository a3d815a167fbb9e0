package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * {@code dIn = Σ dOut · W}, some output features at a time; one unit is a group of blocks of 32
 * input features times all token rows. Panels are widened and turned once per unit, so that their
 * rows are the features of a {@link VectorTile}.
 */
final class LinearInputJob extends Job {
  /** Output features packed at once: for 512 rows 5 MB, which stay in the third cache. */
  private static final int CHUNK = 2560;

  private static final int ROWS = Weights.PANEL_ROWS;

  private FloatMatrix dIn;
  private FloatMatrix dOut;
  private Weights weight;
  private int from;
  private int to;
  private boolean first;
  private PackRowsJob packed;
  private int depth;
  private int group;

  /** Makes sure that reading ahead is not left out: nobody reads it. */
  private int readAhead;

  private final UnitGroups groups = new UnitGroups();

  void run(Workers workers, FloatMatrix dIn, Linear.InputGradient[] parts) {
    this.dIn = dIn;
    depth = Math.max(ROWS, workers.blocking().depth() / ROWS * ROWS);
    packed = Simd.VECTOR ? workers.packRowsJob : null;
    int blocks = (dIn.columns() + ROWS - 1) / ROWS;
    group = workers.tileGroup(blocks);
    groups.cut(blocks, group, workers.single());
    first = true;
    for (Linear.InputGradient part : parts) {
      dOut = part.dOut();
      weight = part.weight();
      for (from = 0; from < weight.rows(); from = to) {
        to = Math.min(weight.rows(), from + Math.max(CHUNK / depth, 1) * depth);
        if (packed != null) {
          packed.begin(1);
          packed.set(0, dOut);
          packed.pack(workers, depth, from, to);
        }
        workers.run(this, groups.units());
        first = false;
      }
    }
    this.dIn = null;
    dOut = null;
    weight = null;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int column = groups.first(unit) * ROWS;
    int blocks = groups.count(unit);
    int tile = packed == null ? 1 : VectorTile.ROWS;
    int padded = (dIn.rows() + tile - 1) / tile * tile;
    float[] sums = scratch.floats(Use.PRODUCT, blocks * padded * ROWS);
    if (first) {
      Arrays.fill(sums, 0, blocks * padded * ROWS, 0f);
    } else {
      copy(sums, padded, column, blocks, true);
    }
    for (int n = from; n < to; n += depth) {
      int count = Math.min(depth, to - n);
      if (packed == null) {
        addScalar(sums, column, n, count, blocks, scratch);
      } else {
        addTiles(sums, padded, column, n, count, blocks, scratch);
      }
    }
    copy(sums, padded, column, blocks, false);
  }

  /** Between blocks of sums and {@code dIn}. */
  private void copy(float[] sums, int padded, int first, int blocks, boolean load) {
    for (int r = 0; r < dIn.rows(); r++) {
      for (int b = 0; b < blocks; b++) {
        int column = first + b * ROWS;
        int count = Math.min(ROWS, dIn.columns() - column);
        int at = (b * padded + r) * ROWS;
        if (load) {
          PanelSums.copy(dIn.data(), dIn.index(r) + column, sums, at, count);
          Arrays.fill(sums, at + count, at + ROWS, 0f);
        } else {
          PanelSums.copy(sums, at, dIn.data(), dIn.index(r) + column, count);
        }
      }
    }
  }

  private void addTiles(
      float[] sums, int padded, int column, int n, int count, int blocks, Scratch scratch) {
    long size = 4L * depth * ROWS;
    MemorySegment turned = scratch.segment(Use.WEIGHTS, group * size);
    turn(turned, size, column, blocks, n, count, scratch);
    for (int row = 0; row < dIn.rows(); row += VectorTile.ROWS) {
      int in = packed.index(0, n - from, row, count);
      int rows = Math.min(VectorTile.ROWS, dIn.rows() - row);
      for (int b = 0; b < blocks; b++) {
        int out = (b * padded + row) * ROWS;
        for (int c = 0; c < ROWS; c += VectorTile.COLUMNS) {
          long at = b * size + 4L * c * depth;
          VectorTile.add(sums, out + c, packed.buffer, in, turned, at, count, rows);
        }
      }
    }
  }

  /**
   * Rows {@code n … n + count} of blocks of 32 columns, as {@code (32 / COLUMNS, depth, COLUMNS)}.
   */
  private void turn(
      MemorySegment turned, long size, int first, int blocks, int n, int count, Scratch scratch) {
    float[] widened = scratch.floats(Use.WIDENED, ROWS * ROWS);
    float[] room = scratch.floats(Use.LINES, VectorTranspose.ROOM);
    int lines = Math.min(blocks * ROWS, weight.columns() - first);
    for (int r = 0; r < count; r += ROWS) { // panel by panel, as memory has them
      int panel = (n + r) / ROWS;
      if (!weight.type().isBlocks() && (r == 0 || !weight.sharesLine(panel - 1))) {
        readAhead += VectorStoredTile.readAhead(weight, panel, first, lines);
      }
      for (int b = 0; b < blocks; b++) {
        int column = first + b * ROWS;
        int columns = Math.min(ROWS, weight.columns() - column);
        VectorWidening.strip(widened, 0, weight, panel, column, columns, scratch);
        long to = b * size + (long) r * VectorTile.LINE;
        long stride = (long) depth * VectorTile.LINE;
        VectorTranspose.panel(turned, to, stride, widened, columns, room);
      }
    }
  }

  private void addScalar(float[] sums, int first, int n, int count, int blocks, Scratch scratch) {
    float[] lines = scratch.floats(Use.LINES, ROWS * ROWS);
    float[] turned = scratch.floats(Use.WEIGHTS, depth * ROWS);
    for (int b = 0; b < blocks; b++) {
      int column = first + b * ROWS;
      int columns = Math.min(ROWS, dIn.columns() - column);
      for (int r = 0; r < count; r += ROWS) {
        ScalarProduct.widen(weight, (n + r) / ROWS, column, column + columns, lines);
        for (int j = 0; j < Math.min(ROWS, count - r); j++) {
          for (int k = 0; k < ROWS; k++) {
            turned[(r + j) * ROWS + k] = k < columns ? lines[k * ROWS + j] : 0f;
          }
        }
      }
      for (int r = 0; r < dIn.rows(); r++) {
        addRow(sums, (b * dIn.rows() + r) * ROWS, dOut.data(), dOut.index(r) + n, count, turned);
      }
    }
  }

  /** The specification: one fused multiply-add per output feature, in order. */
  private static void addRow(float[] sums, int at, float[] dOut, int from, int n, float[] weight) {
    for (int j = 0; j < n; j++) {
      for (int k = 0; k < ROWS; k++) {
        sums[at + k] = Math.fma(weight[j * ROWS + k], dOut[from + j], sums[at + k]);
      }
    }
  }
}
