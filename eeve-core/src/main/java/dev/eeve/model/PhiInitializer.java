package dev.eeve.model;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Random weights: normal, as transformers' PhiPreTrainedModel initializes them. */
final class PhiInitializer implements PhiAssembly.Source {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Rows that share a random stream, so that threads don't change the weights. */
  private static final int ROWS = Weights.PANEL_ROWS;

  private final double deviation;
  private final long seed;

  private PhiInitializer(double deviation, long seed) {
    this.deviation = deviation;
    this.seed = seed;
  }

  static PhiModel initialize(PhiConfig config, KeptTypes types, long seed, int threads) {
    MemoryPlan.requireWeights(config, types);
    PhiInitializer source = new PhiInitializer(config.initializerRange(), seed);
    try {
      return PhiAssembly.assemble(config, types, source, threads);
    } catch (IOException e) {
      throw new UncheckedIOException("random weights need no file", e);
    }
  }

  @Override
  public List<FillTask> fill(String name, Weights weights) {
    List<FillTask> tasks = new ArrayList<>();
    for (int first = 0; first < weights.rows(); first += Weights.GROUP_ROWS) {
      int from = first;
      int to = Math.min(from + Weights.GROUP_ROWS, weights.rows());
      tasks.add(
          () -> {
            for (int row = from; row < to; row += ROWS) {
              rows(name, weights, row, Math.min(ROWS, to - row));
            }
          });
    }
    return tasks;
  }

  private void rows(String name, Weights weights, int first, int count) {
    SplittableRandom random =
        new SplittableRandom(seed * 31 + name.hashCode() * 1_000_003L + first);
    float[] row = new float[weights.columns()];
    double scale = deviation * Math.sqrt(3) / 0xFFFF;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate((long) count * row.length * Float.BYTES);
      for (int r = 0; r < count; r++) {
        for (int i = 0; i < row.length; i++) {
          row[i] = (float) (normal(random) * scale);
        }
        MemorySegment.copy(row, 0, values, FLOAT, (long) r * row.length * Float.BYTES, row.length);
      }
      weights.put(first, count, values, ElementType.F32);
    }
  }

  /** The sum of 4 uniform 16-bit numbers about 0: near enough to normal, bounded, and fast. */
  private static int normal(SplittableRandom random) {
    long bits = random.nextLong();
    int sum = -2 * 0xFFFF;
    for (int shift = 0; shift < 64; shift += 16) {
      sum += (int) (bits >>> shift) & 0xFFFF;
    }
    return sum;
  }

  @Override
  public float[] vector(String name, int size) {
    float[] values = new float[size];
    if (name.endsWith("layernorm.weight")) {
      Arrays.fill(values, 1f);
    }
    return values;
  }
}
