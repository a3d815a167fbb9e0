package dev.eeve.training;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.adapter.PeftNames;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An adapter's update of one linear layer, in training. A starts as PEFT starts it, uniform in
 * ±1/√K (Kaiming's rule for a slope of √5), B with zeros: before the first update the model is the
 * base.
 *
 * @param module the layer
 * @param index its number in the model, from which its dropout follows
 * @param weights A, B and the scale, as the forward pass reads them
 * @param a A with its gradient
 * @param b B with its gradient
 */
record TrainedUpdate(String module, int index, LowRank weights, TrainedMatrix a, TrainedMatrix b) {
  private static final long START = 5;

  static TrainedUpdate of(
      Arena arena, LoraConfig config, String module, int index, Weights base, long seed) {
    TrainedMatrix a = matrix(arena, PeftNames.a(module), config.r(), base.columns());
    TrainedMatrix b = matrix(arena, PeftNames.b(module), base.rows(), config.r());
    fill(a, seed);
    LowRank weights = new LowRank(a.master(), b.master(), config.scale());
    return new TrainedUpdate(module, index, weights, a, b);
  }

  private static TrainedMatrix matrix(Arena arena, String name, int rows, int columns) {
    return new TrainedMatrix(
        name,
        0,
        Weights.allocate(arena, ElementType.F32, rows, columns),
        Weights.allocate(arena, ElementType.F32, rows, columns));
  }

  private static void fill(TrainedMatrix a, long seed) {
    int columns = a.master().columns();
    double bound = 1 / Math.sqrt(columns);
    RandomNumbers random = new RandomNumbers(seed, START, a.name().hashCode());
    float[] row = new float[columns];
    for (int r = 0; r < a.rows(); r++) {
      for (int i = 0; i < columns; i++) {
        row[i] = (float) ((2 * random.unit() - 1) * bound);
      }
      a.master().put(r, 1, MemorySegment.ofArray(row), ElementType.F32);
    }
  }

  /** Bytes of both matrices, of what is in memory of a layer (N, K) and not yet there. */
  static long byteSize(LoraConfig config, int rows, int columns) {
    return Weights.byteSize(ElementType.F32, config.r(), columns)
        + Weights.byteSize(ElementType.F32, rows, config.r());
  }
}
