package dev.eeve.kernels;

import dev.eeve.kernels.Scratch.Use;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * {@link AdamW} over 8-bit moments: a strip of lines is widened to arrays, updated there as any
 * other, and narrowed again. One unit is a stretch of lines of the panels that share them, so that
 * each scale and each int of two bfloat16 has one owner.
 */
final class BlockStepJob extends Job {
  /** Lines of a strip: whole blocks, and its arrays stay in the first cache. */
  private static final int STRIP = 32;

  /** Lines of a unit. */
  private static final int LINES = 256;

  private static final int ROWS = Weights.PANEL_ROWS;
  private static final int SIZE = STRIP * ROWS;

  /** Ints of a whole line. */
  private static final int INTS = Weights.LINE_BYTES / Integer.BYTES;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final AdamW.StepJob constants = new AdamW.StepJob();
  private Weights parameter;
  private BlockMoments moments;
  private Weights gradient;
  private int seed;
  private int panelsPerUnit;
  private volatile boolean finite;

  boolean run(
      Workers workers,
      Weights parameter,
      BlockMoments moments,
      Weights gradient,
      AdamW.Step step,
      int seed) {
    this.parameter = parameter;
    this.moments = moments;
    this.gradient = gradient;
    this.seed = seed;
    constants.constants(step);
    finite = true;
    panelsPerUnit = parameter.type() == ElementType.BF16 ? 2 : 1;
    int groups = (parameter.panels() + panelsPerUnit - 1) / panelsPerUnit;
    workers.run(this, groups * stretches());
    this.parameter = null;
    this.moments = null;
    this.gradient = null;
    return finite;
  }

  private int stretches() {
    return (parameter.columns() + LINES - 1) / LINES;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int panel = unit / stretches() * panelsPerUnit;
    int first = unit % stretches() * LINES;
    int end = Math.min(first + LINES, parameter.columns());
    for (int line = first; line < end; line += STRIP) {
      int lines = Math.min(STRIP, end - line);
      if (parameter.type() == ElementType.BF16) {
        bf16(panel, line, lines, scratch);
      } else {
        float[] p = scratch.floats(Use.PRODUCT, 4 * SIZE);
        long at = parameter.line(panel, line);
        MemorySegment.copy(parameter.memory, FLOAT, at, p, 0, lines * ROWS);
        update(p, panel, line, lines, scratch);
        MemorySegment.copy(p, 0, parameter.memory, FLOAT, at, lines * ROWS);
      }
    }
  }

  /** Whole lines, which hold two panels. */
  private void bf16(int panel, int line, int lines, Scratch scratch) {
    int[] ints = scratch.ints(STRIP * INTS);
    float[] p = scratch.floats(Use.PRODUCT, 4 * SIZE);
    long at = parameter.line(panel, line);
    MemorySegment.copy(parameter.memory, INT, at, ints, 0, lines * INTS);
    for (int i = 0; i < Math.min(2, parameter.panels() - panel); i++) {
      int half = i * INTS / 2;
      StochasticRounding.widen(p, ints, half, INTS, lines);
      update(p, panel + i, line, lines, scratch);
      int place = ((panel + i) * parameter.columns() + line) * (ROWS / 2);
      if (!StochasticRounding.narrow(ints, half, INTS, p, lines, seed, place)) {
        finite = false;
      }
    }
    MemorySegment.copy(ints, 0, parameter.memory, INT, at, lines * INTS);
  }

  private void update(float[] p, int panel, int line, int lines, Scratch scratch) {
    int count = lines * ROWS;
    moments.load(p, p, SIZE, 2 * SIZE, panel, line, count, scratch);
    MemorySegment.copy(gradient.memory, FLOAT, gradient.line(panel, line), p, 3 * SIZE, count);
    constants.strip(p, 0, p, SIZE, p, 2 * SIZE, p, 3 * SIZE, count);
    moments.store(p, p, SIZE, 2 * SIZE, panel, line, count, scratch);
  }
}
