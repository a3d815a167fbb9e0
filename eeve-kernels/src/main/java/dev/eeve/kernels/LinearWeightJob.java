package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * {@code dW += dOutᵀ · in}: one unit is a group of panels of 32 weight rows times a stretch of
 * lines. A panel's lines are the rows of a {@link VectorTile}, its columns the 32 weight rows, and
 * the token rows the features.
 */
final class LinearWeightJob extends Job {
  /** Lines of a unit at most; it has whole tiles. */
  private static final int LINES = 480;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Linear.WeightGradient[] parts;
  private PackColumnsJob packed;
  private int depth;
  private int lines;
  private int group;

  void run(Workers workers, Linear.WeightGradient[] parts) {
    this.parts = parts;
    depth = workers.blocking().depth();
    int step = Simd.VECTOR ? VectorTile.ROWS : 1;
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
    group = 1;
    if (packed != null) {
      group = workers.group(units());
    }
    int units = units();
    workers.run(this, units);
    if (packed != null) {
      packed.end();
    }
    this.parts = null;
  }

  private int units() {
    int units = 0;
    for (Linear.WeightGradient part : parts) {
      units += units(part);
    }
    return units;
  }

  private int stretches(Linear.WeightGradient part) {
    return (part.in().columns() + lines - 1) / lines;
  }

  private int units(Linear.WeightGradient part) {
    return (part.dWeight().panels() + group - 1) / group * stretches(part);
  }

  @Override
  void run(int unit, Scratch scratch) {
    int i = 0;
    while (unit >= units(parts[i])) {
      unit -= units(parts[i++]);
    }
    Linear.WeightGradient part = parts[i];
    int panel = unit / stretches(part) * group;
    int panels = Math.min(group, part.dWeight().panels() - panel);
    int first = unit % stretches(part) * lines;
    int count = Math.min(lines, part.in().columns() - first);
    float[] sums = scratch.floats(Use.PRODUCT, group * lines * ROWS);
    if (packed == null) {
      addScalar(sums, part, panel, first, count);
      return;
    }
    for (int row = 0; row < part.in().rows(); row += depth) {
      addTiles(sums, i, panel, panels, first, count, row, scratch);
    }
  }

  /** A packed tile stays in the first cache while it meets the group's panels. */
  private void addTiles(
      float[] sums, int i, int panel, int panels, int first, int count, int row, Scratch scratch) {
    Linear.WeightGradient part = parts[i];
    int rows = Math.min(depth, part.in().rows() - row);
    long size = 4L * rows * ROWS;
    MemorySegment blocks = scratch.segment(Use.WEIGHTS, 4L * group * depth * ROWS);
    for (int p = 0; p < panels; p++) {
      VectorLines.columns(blocks, p * size, part.dOut(), row, rows, (panel + p) * ROWS, scratch);
    }
    for (int k = 0; k < count; k += VectorTile.ROWS) {
      int in = packed.index(i, row, first + k, rows);
      int tile = Math.min(VectorTile.ROWS, count - k);
      for (int p = 0; p < panels; p++) {
        int at = (p * lines + k) * ROWS;
        if (row == 0) { // loaded and stored a little at a time: memory has time meanwhile
          VectorLines.load(sums, at, part.dWeight(), panel + p, first + k, tile);
          Arrays.fill(sums, at + tile * ROWS, at + VectorTile.ROWS * ROWS, 0f);
        }
        for (int c = 0; c < ROWS; c += VectorTile.COLUMNS) {
          long from = p * size + 4L * c * rows;
          VectorTile.add(sums, at + c, packed.buffer, in, blocks, from, rows);
        }
        if (row + rows == part.in().rows()) {
          VectorLines.store(sums, at, part.dWeight(), panel + p, first + k, tile);
        }
      }
    }
  }

  /** The specification: one fused multiply-add per token row, in order. */
  private static void addScalar(
      float[] sums, Linear.WeightGradient part, int panel, int first, int lines) {
    float[] in = part.in().data();
    float[] dOut = part.dOut().data();
    Weights dWeight = part.dWeight();
    int valid = dWeight.rowsOf(panel);
    for (int k = 0; k < lines; k++) {
      long line = dWeight.line(panel, first + k);
      MemorySegment.copy(dWeight.memory, FLOAT, line, sums, k * ROWS, ROWS);
    }
    for (int r = 0; r < part.in().rows(); r++) {
      int from = part.dOut().index(r) + panel * ROWS;
      for (int k = 0; k < lines; k++) {
        float x = in[part.in().index(r) + first + k];
        for (int j = 0; j < valid; j++) {
          sums[k * ROWS + j] = Math.fma(dOut[from + j], x, sums[k * ROWS + j]);
        }
      }
    }
    for (int k = 0; k < lines; k++) {
      long line = dWeight.line(panel, first + k);
      MemorySegment.copy(sums, k * ROWS, dWeight.memory, FLOAT, line, ROWS);
    }
  }
}
