package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * {@code dIn = Σ dOut · W}: one unit is a group of blocks of 32 input features times all token
 * rows. Panels are widened and turned once per unit, so that their rows are the features of a
 * {@link VectorTile}.
 */
final class LinearInputJob extends Job {
  private static final int ROWS = Weights.PANEL_ROWS;

  private FloatMatrix dIn;
  private Linear.InputGradient[] parts;
  private PackRowsJob packed;
  private int depth;
  private int group;

  void run(Workers workers, FloatMatrix dIn, Linear.InputGradient[] parts) {
    this.dIn = dIn;
    this.parts = parts;
    depth = Math.max(ROWS, workers.blocking().depth() / ROWS * ROWS);
    packed = null;
    if (Simd.VECTOR) {
      packed = workers.packRowsJob;
      packed.begin(parts.length);
      for (int i = 0; i < parts.length; i++) {
        packed.set(i, parts[i].dOut());
      }
      packed.pack(workers, depth);
    }
    int blocks = (dIn.columns() + ROWS - 1) / ROWS;
    group = workers.group(blocks);
    workers.run(this, (blocks + group - 1) / group);
    this.dIn = null;
    this.parts = null;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int first = unit * group * ROWS;
    int blocks = Math.min(group, (dIn.columns() - first + ROWS - 1) / ROWS);
    int tile = packed == null ? 1 : VectorTile.ROWS;
    int padded = (dIn.rows() + tile - 1) / tile * tile;
    float[] sums = scratch.floats(Use.PRODUCT, blocks * padded * ROWS);
    Arrays.fill(sums, 0, blocks * padded * ROWS, 0f);
    for (int i = 0; i < parts.length; i++) {
      int features = parts[i].weight().rows();
      for (int n = 0; n < features; n += depth) {
        int count = Math.min(depth, features - n);
        if (packed == null) {
          addScalar(sums, i, first, n, count, blocks, scratch);
        } else {
          addTiles(sums, padded, i, first, n, count, blocks, scratch);
        }
      }
    }
    for (int r = 0; r < dIn.rows(); r++) {
      for (int b = 0; b < blocks; b++) {
        int column = first + b * ROWS;
        System.arraycopy(
            sums,
            (b * padded + r) * ROWS,
            dIn.data(),
            dIn.index(r) + column,
            Math.min(ROWS, dIn.columns() - column));
      }
    }
  }

  private void addTiles(
      float[] sums, int padded, int i, int first, int n, int count, int blocks, Scratch scratch) {
    long size = 4L * depth * ROWS;
    MemorySegment turned = scratch.segment(Use.WEIGHTS, group * size);
    turn(turned, size, parts[i].weight(), first, blocks, n, count, scratch);
    for (int row = 0; row < dIn.rows(); row += VectorTile.ROWS) {
      int in = packed.index(i, n, row, count);
      for (int b = 0; b < blocks; b++) {
        int out = (b * padded + row) * ROWS;
        for (int c = 0; c < ROWS; c += VectorTile.COLUMNS) {
          long from = b * size + 4L * c * depth;
          VectorTile.add(sums, out + c, packed.buffer, in, turned, from, count);
        }
      }
    }
  }

  /**
   * Rows {@code n … n + count} of blocks of 32 columns, as {@code (32 / COLUMNS, depth, COLUMNS)}.
   */
  private void turn(
      MemorySegment turned,
      long size,
      Weights weight,
      int first,
      int blocks,
      int n,
      int count,
      Scratch scratch) {
    float[] lines = scratch.floats(Use.WIDENED, ROWS * ROWS);
    float[] room = scratch.floats(Use.LINES, ROWS * ROWS);
    for (int r = 0; r < count; r += ROWS) { // panel by panel, as memory has them
      for (int b = 0; b < blocks; b++) {
        int column = first + b * ROWS;
        int columns = Math.min(ROWS, weight.columns() - column);
        VectorWidening.strip(lines, 0, weight, (n + r) / ROWS, column, columns, scratch);
        long to = b * size + (long) r * VectorTile.LINE;
        long stride = (long) depth * VectorTile.LINE;
        VectorTranspose.panel(turned, to, stride, lines, columns, room);
      }
    }
  }

  private void addScalar(
      float[] sums, int i, int first, int n, int count, int blocks, Scratch scratch) {
    float[] lines = scratch.floats(Use.LINES, ROWS * ROWS);
    float[] turned = scratch.floats(Use.WEIGHTS, depth * ROWS);
    FloatMatrix dOut = parts[i].dOut();
    for (int b = 0; b < blocks; b++) {
      int column = first + b * ROWS;
      int columns = Math.min(ROWS, dIn.columns() - column);
      for (int r = 0; r < count; r += ROWS) {
        ScalarProduct.widen(parts[i].weight(), (n + r) / ROWS, column, column + columns, lines);
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
