package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * {@code dW += dOutᵀ · in}, or {@code dW = dOutᵀ · in}: one unit is a group of panels of 32 weight
 * rows. A panel's lines are the rows of a {@link VectorTile}, its columns the 32 weight rows, and
 * the token rows the features.
 */
final class LinearWeightJob extends Job {
  /** Columns packed at once: for 512 rows 5 MB, which stay in the third cache. Whole tiles. */
  private static final int CHUNK = 2544;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Linear.WeightGradient[] parts;

  /** The parts of this run, which read one {@code in}, and the columns of it that it takes. */
  private int firstPart;

  private int endPart;
  private int from;
  private int to;

  private PackColumnsJob packed;
  private int depth;
  private int group;

  /** Of each part of this run. */
  private UnitGroups[] groups = {};

  void run(Workers workers, Linear.WeightGradient[] parts) {
    this.parts = parts;
    depth = workers.blocking().depth();
    packed = Simd.VECTOR ? workers.packColumnsJob : null;
    for (firstPart = 0; firstPart < parts.length; firstPart = endPart) {
      FloatMatrix in = parts[firstPart].in();
      endPart = firstPart + 1;
      while (endPart < parts.length && parts[endPart].in() == in) {
        endPart++;
      }
      cut(workers);
      for (from = 0; from < in.columns(); from = to) {
        to = Math.min(in.columns(), from + CHUNK);
        if (packed != null) {
          packed.pack(workers, in, depth, from, to);
        }
        workers.run(this, units());
      }
    }
    this.parts = null;
  }

  /** Single panels stand at the end of the last part alone. */
  private void cut(Workers workers) {
    int panels = 0;
    for (int i = firstPart; i < endPart; i++) {
      panels += parts[i].dWeight().panels();
    }
    group = packed != null ? workers.tileGroup(panels) : 1;
    groups = UnitGroups.grown(groups, parts.length);
    for (int i = firstPart; i < endPart; i++) {
      int single = i == endPart - 1 ? workers.single() : 0;
      groups[i].cut(parts[i].dWeight().panels(), group, single);
    }
  }

  private int units() {
    int units = 0;
    for (int i = firstPart; i < endPart; i++) {
      units += groups[i].units();
    }
    return units;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int i = firstPart;
    while (unit >= groups[i].units()) {
      unit -= groups[i++].units();
    }
    Linear.WeightGradient part = parts[i];
    int panel = groups[i].first(unit);
    int panels = groups[i].count(unit);
    if (packed == null) {
      addScalar(part, panel, from, to, scratch);
      return;
    }
    for (int row = 0; row < part.in().rows(); row += depth) {
      addTiles(part, panel, panels, row, scratch);
    }
  }

  /** A packed tile stays in the first cache while it meets the group's panels. */
  private void addTiles(
      Linear.WeightGradient part, int panel, int panels, int row, Scratch scratch) {
    int rows = Math.min(depth, part.in().rows() - row);
    boolean overwrites = row == 0 && part.overwrites();
    long size = 4L * rows * ROWS;
    float[] sums = scratch.floats(Use.PRODUCT, VectorTile.ROWS * ROWS);
    MemorySegment blocks = scratch.segment(Use.WEIGHTS, 4L * group * depth * ROWS);
    for (int p = 0; p < panels; p++) {
      VectorLines.columns(blocks, p * size, part.dOut(), row, rows, (panel + p) * ROWS, scratch);
    }
    for (int k = from; k < to; k += VectorTile.ROWS) {
      int in = packed.index(row, k - from, rows);
      int tile = Math.min(VectorTile.ROWS, to - k);
      for (int p = 0; p < panels; p++) {
        if (overwrites && VectorGradientTile.takes(tile)) {
          long out = part.dWeight().line(panel + p, k);
          for (int c = 0; c < ROWS; c += VectorTile.COLUMNS) {
            long block = p * size + 4L * c * rows;
            VectorGradientTile.write(
                part.dWeight().memory, out + 4 * c, packed.buffer, in, blocks, block, rows);
          }
          continue;
        }
        int loaded = overwrites ? 0 : tile;
        VectorLines.load(sums, 0, part.dWeight(), panel + p, k, loaded);
        Arrays.fill(sums, loaded * ROWS, VectorTile.ROWS * ROWS, 0f);
        for (int c = 0; c < ROWS; c += VectorTile.COLUMNS) {
          long block = p * size + 4L * c * rows;
          VectorTile.add(sums, c, packed.buffer, in, blocks, block, rows, tile);
        }
        VectorLines.store(sums, 0, part.dWeight(), panel + p, k, tile);
      }
    }
  }

  /** The specification: one fused multiply-add per token row, in order. */
  private static void addScalar(
      Linear.WeightGradient part, int panel, int from, int to, Scratch scratch) {
    float[] line = scratch.floats(Use.PRODUCT, ROWS);
    float[] in = part.in().data();
    float[] dOut = part.dOut().data();
    Weights dWeight = part.dWeight();
    int valid = dWeight.rowsOf(panel);
    for (int k = from; k < to; k++) {
      long at = dWeight.line(panel, k);
      if (part.overwrites()) {
        Arrays.fill(line, 0, ROWS, 0f);
      } else {
        MemorySegment.copy(dWeight.memory, FLOAT, at, line, 0, ROWS);
      }
      for (int r = 0; r < part.in().rows(); r++) {
        int dOutAt = part.dOut().index(r) + panel * ROWS;
        float x = in[part.in().index(r) + k];
        for (int j = 0; j < valid; j++) {
          line[j] = Math.fma(dOut[dOutAt + j], x, line[j]);
        }
      }
      MemorySegment.copy(line, 0, dWeight.memory, FLOAT, at, ROWS);
    }
  }
}
