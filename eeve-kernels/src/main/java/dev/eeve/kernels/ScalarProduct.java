package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The specification of every product: an output starts at its bias and takes one fused multiply-add
 * per input feature, in the order of the features. So it depends on its weight row and its input
 * row alone, and any blocking that keeps that order gives the same bits.
 */
final class ScalarProduct {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ROWS = Weights.PANEL_ROWS;

  private ScalarProduct() {}

  /**
   * Adds features {@code from … to} of one input row to the 32 outputs of a panel.
   *
   * @param y 32 running sums at {@code yOffset}, added to
   * @param line room for 32 floats
   */
  static void addFeatures(
      float[] y,
      int yOffset,
      float[] x,
      int xOffset,
      Weights weight,
      int panel,
      int from,
      int to,
      float[] line) {
    for (int k = from; k < to; k++) {
      addFeature(y, yOffset, x[xOffset + k], weight, panel, k, line);
    }
  }

  /** Adds one feature to the 32 outputs of a panel. */
  static void addFeature(
      float[] y, int at, float value, Weights weight, int panel, int k, float[] line) {
    widenLine(weight, panel, k, line, 0);
    for (int j = 0; j < ROWS; j++) {
      y[at + j] = Math.fma(line[j], value, y[at + j]);
    }
  }

  /** Widens lines {@code from … to} of a panel: {@code target (to − from, 32)}, overwritten. */
  static void widen(Weights weight, int panel, int from, int to, float[] target) {
    for (int k = from; k < to; k++) {
      widenLine(weight, panel, k, target, (k - from) * ROWS);
    }
  }

  /** Adds a widened block of features to the sums of several rows. */
  static void addBlock(float[] y, FloatMatrix in, int firstFeature, int features, float[] block) {
    for (int r = 0; r < in.rows(); r++) {
      int x = in.index(r) + firstFeature;
      for (int j = 0; j < ROWS; j += 8) {
        addEight(y, r * ROWS + j, in.data(), x, features, block, j);
      }
    }
  }

  /** Eight outputs side by side hide the latency of their chains. */
  private static void addEight(
      float[] y, int at, float[] x, int xAt, int features, float[] block, int column) {
    float y0 = y[at];
    float y1 = y[at + 1];
    float y2 = y[at + 2];
    float y3 = y[at + 3];
    float y4 = y[at + 4];
    float y5 = y[at + 5];
    float y6 = y[at + 6];
    float y7 = y[at + 7];
    for (int k = 0; k < features; k++) {
      float value = x[xAt + k];
      int w = k * ROWS + column;
      y0 = Math.fma(block[w], value, y0);
      y1 = Math.fma(block[w + 1], value, y1);
      y2 = Math.fma(block[w + 2], value, y2);
      y3 = Math.fma(block[w + 3], value, y3);
      y4 = Math.fma(block[w + 4], value, y4);
      y5 = Math.fma(block[w + 5], value, y5);
      y6 = Math.fma(block[w + 6], value, y6);
      y7 = Math.fma(block[w + 7], value, y7);
    }
    y[at] = y0;
    y[at + 1] = y1;
    y[at + 2] = y2;
    y[at + 3] = y3;
    y[at + 4] = y4;
    y[at + 5] = y5;
    y[at + 6] = y6;
    y[at + 7] = y7;
  }

  private static void widenLine(Weights weight, int panel, int k, float[] target, int offset) {
    MemorySegment memory = weight.memory;
    if (weight.type().isBlocks()) {
      long scales = weight.scales(panel, k);
      long codes = weight.codes(panel, k);
      int first = weight.inGroup(panel * ROWS);
      for (int j = 0; j < ROWS; j++) {
        int code =
            BlockLayout.code(weight.type(), memory, codes, k % BlockLayout.COLUMNS, first + j);
        target[offset + j] = code * BlockLayout.scale(memory, scales, first + j);
      }
      return;
    }
    long line = weight.line(panel, k);
    if (weight.type() == ElementType.F32) {
      for (int j = 0; j < ROWS; j++) {
        target[offset + j] = memory.get(FLOAT, line + j * 4L);
      }
      return;
    }
    for (int j = 0; j < ROWS / 2; j++) {
      int pair = memory.get(INT, line + j * 4L);
      target[offset + j] = Weights.widen((short) pair, weight.type());
      target[offset + ROWS / 2 + j] = Weights.widen((short) (pair >>> 16), weight.type());
    }
  }
}
