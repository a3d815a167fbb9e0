package dev.eeve.adapter;

import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Adapters of random values, strong enough to change what a tiny model says. */
public final class RandomAdapter {
  private RandomAdapter() {}

  /**
   * One in an arena's memory.
   *
   * @param arena its owner
   * @param dimensions the model's sizes
   * @param config what it is
   * @param seed of the values
   * @return the adapter
   */
  public static LoraAdapter of(
      Arena arena, PhiDimensions dimensions, LoraConfig config, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, LowRank> updates = new HashMap<>();
    Map<String, List<Long>> shapes = dimensions.shapes();
    for (String module : config.modules(shapes.keySet())) {
      List<Long> shape = shapes.get(module + ".weight");
      updates.put(
          module,
          new LowRank(
              matrix(arena, random, config.r(), shape.get(1)),
              matrix(arena, random, shape.get(0), config.r()),
              config.scale()));
    }
    Map<String, Weights> matrices = new HashMap<>();
    Map<String, float[]> vectors = new HashMap<>();
    for (String tensor : List.of("model.embed_tokens.weight", "lm_head.weight")) {
      if (config.modulesToSave().stream().anyMatch(tensor::contains)) {
        List<Long> shape = shapes.get(tensor);
        matrices.put(tensor, matrix(arena, random, shape.get(0), shape.get(1)));
      }
    }
    if (config.modulesToSave().contains("lm_head")) {
      float[] bias = new float[dimensions.vocabSize()];
      for (int i = 0; i < bias.length; i++) {
        bias[i] = (float) random.nextGaussian();
      }
      vectors.put("lm_head.bias", bias);
    }
    return LoraAdapter.of(config, dimensions, updates, matrices, vectors);
  }

  private static Weights matrix(Arena arena, SplittableRandom random, long rows, long columns) {
    Weights weights = Weights.allocate(arena, ElementType.F32, (int) rows, (int) columns);
    float[] values = new float[(int) (rows * columns)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * 0.1);
    }
    weights.put(0, (int) rows, MemorySegment.ofArray(values), ElementType.F32);
    return weights;
  }
}
