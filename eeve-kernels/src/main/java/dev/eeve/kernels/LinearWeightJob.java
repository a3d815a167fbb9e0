package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * {@code dW += dOutᵀ · in}: one unit is a panel of 32 weight rows times a stretch of lines. The
 * panel's lines are the rows of a {@link VectorTile}, its columns the 32 weight rows, and the token
 * rows the features.
 */
final class LinearWeightJob extends Job {
  /** Lines of a unit at most; it has whole tiles and starts at the first of four streams. */
  private static final int LINES = 480;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Linear.WeightGradient[] parts;
  private PackColumnsJob packed;
  private int depth;
  private int lines;

  void run(Workers workers, Linear.WeightGradient[] parts) {
    this.parts = parts;
    depth = workers.blocking().depth();
    int step = Weights.STREAMS * (Simd.VECTOR ? VectorTile.ROWS : 1);
    lines = LINES / step * step;
    packed = null;
    if (Simd.VECTOR) {
      packed = workers.packColumnsJob;
      packed.begin(parts.length);
      for (int i = 0; i < parts.length; i++) {
        packed.set(i, parts[i].in());
      }
      packed.pack(workers, depth);
    }
    int units = 0;
    for (Linear.WeightGradient part : parts) {
      units += units(part);
    }
    workers.run(this, units);
    if (packed != null) {
      packed.end();
    }
    this.parts = null;
  }

  private int stretches(Linear.WeightGradient part) {
    return (part.in().columns() + lines - 1) / lines;
  }

  private int units(Linear.WeightGradient part) {
    return part.dWeight().panels() * stretches(part);
  }

  @Override
  void run(int unit, Scratch scratch) {
    int i = 0;
    while (unit >= units(parts[i])) {
      unit -= units(parts[i++]);
    }
    Linear.WeightGradient part = parts[i];
    int panel = unit / stretches(part);
    int first = unit % stretches(part) * lines;
    int count = Math.min(lines, part.in().columns() - first);
    int tile = packed == null ? 1 : VectorTile.ROWS;
    int padded = (count + tile - 1) / tile * tile;
    float[] sums = scratch.floats(Use.PRODUCT, lines * ROWS);
    load(sums, part.dWeight(), panel, first, count);
    Arrays.fill(sums, count * ROWS, padded * ROWS, 0f);
    for (int row = 0; row < part.in().rows(); row += depth) {
      int rows = Math.min(depth, part.in().rows() - row);
      if (packed == null) {
        addScalar(sums, part, panel, first, count, row, rows);
      } else {
        addTiles(sums, i, panel, first, padded, row, rows, scratch);
      }
    }
    store(sums, part.dWeight(), panel, first, count);
  }

  private void addTiles(
      float[] sums, int i, int panel, int first, int lines, int row, int rows, Scratch scratch) {
    MemorySegment block = scratch.segment(Use.WEIGHTS, 4L * depth * ROWS);
    VectorLines.columns(block, parts[i].dOut(), row, rows, panel * ROWS);
    for (int k = 0; k < lines; k += VectorTile.ROWS) {
      int in = packed.index(i, row, first + k, rows);
      for (int c = 0; c < ROWS; c += VectorTile.COLUMNS) {
        VectorTile.add(sums, k * ROWS + c, packed.buffer, in, block, 4L * c * rows, rows);
      }
    }
  }

  /** The specification: one fused multiply-add per token row, in order. */
  private static void addScalar(
      float[] sums,
      Linear.WeightGradient part,
      int panel,
      int first,
      int lines,
      int row,
      int rows) {
    float[] in = part.in().data();
    float[] dOut = part.dOut().data();
    int valid = part.dWeight().rowsOf(panel);
    for (int r = row; r < row + rows; r++) {
      int from = part.dOut().index(r) + panel * ROWS;
      for (int k = 0; k < lines; k++) {
        float x = in[part.in().index(r) + first + k];
        for (int j = 0; j < valid; j++) {
          sums[k * ROWS + j] = Math.fma(dOut[from + j], x, sums[k * ROWS + j]);
        }
      }
    }
  }

  private static void load(float[] sums, Weights weights, int panel, int first, int lines) {
    if (Simd.VECTOR) {
      VectorLines.load(sums, weights, panel, first, lines);
      return;
    }
    for (int k = 0; k < lines; k++) {
      MemorySegment.copy(
          weights.memory, FLOAT, weights.line(panel, first + k), sums, k * ROWS, ROWS);
    }
  }

  private static void store(float[] sums, Weights weights, int panel, int first, int lines) {
    if (Simd.VECTOR) {
      VectorLines.store(sums, weights, panel, first, lines);
      return;
    }
    for (int k = 0; k < lines; k++) {
      MemorySegment.copy(
          sums, k * ROWS, weights.memory, FLOAT, weights.line(panel, first + k), ROWS);
    }
  }
}
