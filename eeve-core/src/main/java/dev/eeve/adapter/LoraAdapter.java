package dev.eeve.adapter;

import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.kernels.Fingerprint;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * An adapter in memory, to be used beside a model whose weights stay as they are. Immutable, shared
 * by any number of threads; {@link #close} frees the memory: close every session before.
 */
public final class LoraAdapter implements AutoCloseable {
  private final String name;
  private final LoraConfig config;
  private final PhiDimensions dimensions;
  private final Map<String, LowRank> updates;
  private final Map<String, Weights> matrices;
  private final Map<String, float[]> vectors;
  private final Optional<Arena> arena;

  LoraAdapter(
      String name,
      LoraConfig config,
      PhiDimensions dimensions,
      Map<String, LowRank> updates,
      Map<String, Weights> matrices,
      Map<String, float[]> vectors,
      Optional<Arena> arena) {
    this.name = name;
    this.config = config;
    this.dimensions = dimensions;
    this.updates = Map.copyOf(updates);
    this.matrices = Map.copyOf(matrices);
    this.vectors = Map.copyOf(vectors);
    this.arena = arena;
  }

  /**
   * Reads PEFT's folder: adapter_config.json and adapter_model.safetensors.
   *
   * @param folder the folder
   * @param dimensions the sizes of the model it is for
   * @return the adapter; the caller closes it
   * @throws IOException names the file, key or tensor that is missing, unknown or wrong
   */
  public static LoraAdapter read(Path folder, PhiDimensions dimensions) throws IOException {
    return PeftReader.read(folder, dimensions);
  }

  /**
   * An adapter around matrices that belong to someone else, such as ones in training.
   *
   * @param config its settings
   * @param dimensions the model's sizes
   * @param updates A, B and scale by module, as {@code model.layers.7.self_attn.q_proj}
   * @param matrices tensors saved whole, as {@code lm_head.weight}
   * @param vectors tensors saved whole, as {@code lm_head.bias}
   * @return a view; closing it does nothing
   */
  public static LoraAdapter of(
      LoraConfig config,
      PhiDimensions dimensions,
      Map<String, LowRank> updates,
      Map<String, Weights> matrices,
      Map<String, float[]> vectors) {
    return new LoraAdapter(
        "adapter", config, dimensions, updates, matrices, vectors, Optional.empty());
  }

  /**
   * Writes PEFT's folder, everything as F32.
   *
   * @param folder made if it is not there
   * @param baseModel what {@code base_model_name_or_path} shall say
   * @throws IOException names the file
   */
  public void write(Path folder, String baseModel) throws IOException {
    PeftWriter.write(folder, this, baseModel);
  }

  /**
   * Where it came from.
   *
   * @return its folder's name
   */
  public String name() {
    return name;
  }

  /**
   * Its settings.
   *
   * @return as adapter_config.json has them
   */
  public LoraConfig config() {
    return config;
  }

  /**
   * The model's sizes.
   *
   * @return what it was read for
   */
  public PhiDimensions dimensions() {
    return dimensions;
  }

  /**
   * The update of a linear layer.
   *
   * @param module as {@code model.layers.7.self_attn.q_proj}
   * @return empty where it has none
   */
  public Optional<LowRank> update(String module) {
    return Optional.ofNullable(updates.get(module));
  }

  /**
   * A matrix that stands in for the model's own.
   *
   * @param tensor {@code model.embed_tokens.weight} or {@code lm_head.weight}
   * @return empty where the model's own stays
   */
  public Optional<Weights> savedMatrix(String tensor) {
    return Optional.ofNullable(matrices.get(tensor));
  }

  /**
   * A vector that stands in for the model's own.
   *
   * @param tensor {@code lm_head.bias}
   * @return empty where the model's own stays
   */
  public Optional<float[]> savedVector(String tensor) {
    return Optional.ofNullable(vectors.get(tensor));
  }

  /**
   * Refuses adapters that a model cannot use at once: of other sizes, or two that replace the same
   * matrix. Updates of several add up.
   *
   * @param dimensions the model's sizes
   * @param adapters in the order of use
   */
  public static void requireTogether(PhiDimensions dimensions, List<LoraAdapter> adapters) {
    for (LoraAdapter adapter : adapters) {
      if (!adapter.dimensions.equals(dimensions)) {
        throw new IllegalArgumentException(
            "adapter: %s is for %s, the model is %s"
                .formatted(adapter.name, adapter.dimensions, dimensions));
      }
    }
    for (String module : List.of("model.embed_tokens.weight", "lm_head.weight")) {
      List<LoraAdapter> replacing =
          adapters.stream().filter(adapter -> adapter.matrices.containsKey(module)).toList();
      if (replacing.size() > 1) {
        throw new IllegalArgumentException(
            "adapter: %s and %s both replace %s; use one of them"
                .formatted(replacing.get(0).name, replacing.get(1).name, module));
      }
    }
  }

  /**
   * Appends everything that decides what it adds.
   *
   * @param print appended to
   * @param workers the caller's threads
   */
  public void addTo(Fingerprint print, Workers workers) {
    new TreeMap<>(updates)
        .forEach(
            (name, update) ->
                print
                    .add(name + " " + update.scale())
                    .add(workers, update.a())
                    .add(workers, update.b()));
    new TreeMap<>(matrices).forEach((name, matrix) -> print.add(name).add(workers, matrix));
    new TreeMap<>(vectors).forEach((name, vector) -> print.add(name).add(vector));
  }

  /** Frees its memory. */
  @Override
  public void close() {
    arena.ifPresent(Arena::close);
  }
}
