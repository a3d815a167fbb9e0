package dev.eeve.training;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.RotaryEmbedding;
import dev.eeve.kernels.Weights;
import dev.eeve.model.LinearLayer;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiLayer;
import dev.eeve.model.PhiModel;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A model in training: rows that train are fp32 masters with a gradient beside each, all others are
 * read from the model, where they never change. Masters are copies, or the model's own memory where
 * a selection trains {@linkplain TrainableParameters#inPlace in place} or rows are rounded by
 * chance ({@link OptimizerMemory#bf16StochasticRound}). A frozen row has no copy, no gradient and
 * no way to be written.
 */
public final class TrainingModel implements AutoCloseable {
  private final PhiModel base;
  private final TrainableParameters trainable;
  private final Arena arena = Arena.ofShared();
  private final List<TrainedRows> trained = new ArrayList<>();
  private final List<RowSegment> embedTokens;
  private final List<TrainedLayer> layers = new ArrayList<>();
  private final TrainedNorm finalLayernorm;
  private final TrainedLinear lmHead;
  private final RotaryEmbedding rotary;

  private final Set<String> adapted;
  private final long seed;
  private int linears;

  private TrainingModel(
      PhiModel base, TrainableParameters trainable, OptimizerMemory kept, long seed) {
    this.base = base;
    this.trainable = trainable;
    this.seed = seed;
    this.adapted = new HashSet<>(trainable.adapted());
    PhiConfig config = base.config();
    RowSplitter splitter = new RowSplitter(arena, trainable, kept, trained);
    embedTokens = splitter.matrix("model.embed_tokens.weight", base.embedTokens());
    for (int i = 0; i < base.layers().size(); i++) {
      layers.add(layer(splitter, "model.layers." + i + ".", base.layers().get(i)));
    }
    finalLayernorm = splitter.norm("model.final_layernorm", base.finalLayernorm());
    lmHead = splitter.linear("lm_head", base.lmHead());
    rotary =
        new RotaryEmbedding(
            config.rotaryDim(),
            config.headDim(),
            config.ropeTheta(),
            config.maxPositionEmbeddings());
  }

  private TrainedLayer layer(RowSplitter splitter, String name, PhiLayer layer) {
    return new TrainedLayer(
        splitter.norm(name + "input_layernorm", layer.inputLayernorm()),
        linear(splitter, name + "self_attn.q_proj", layer.qProj()),
        linear(splitter, name + "self_attn.k_proj", layer.kProj()),
        linear(splitter, name + "self_attn.v_proj", layer.vProj()),
        linear(splitter, name + "self_attn.dense", layer.dense()),
        linear(splitter, name + "mlp.fc1", layer.fc1()),
        linear(splitter, name + "mlp.fc2", layer.fc2()));
  }

  private TrainedLinear linear(RowSplitter splitter, String name, LinearLayer layer) {
    TrainedLinear linear = splitter.linear(name, layer);
    int index = linears++;
    if (!adapted.contains(name)) {
      return linear;
    }
    TrainedUpdate update =
        TrainedUpdate.of(
            arena, trainable.adapter().orElseThrow(), name, index, layer.weight(), seed);
    trained.add(update.a());
    trained.add(update.b());
    return linear.with(Optional.of(update));
  }

  /**
   * Copies what trains.
   *
   * @param base the model; close it after this
   * @param trainable what trains
   * @return the model in training, its gradients zero
   */
  public static TrainingModel of(PhiModel base, TrainableParameters trainable) {
    return of(base, trainable, 0);
  }

  /**
   * Copies what trains, and starts an adapter.
   *
   * @param base the model; close it after this
   * @param trainable what trains
   * @param seed of the adapter's first values
   * @return the model in training, its gradients zero
   */
  public static TrainingModel of(PhiModel base, TrainableParameters trainable, long seed) {
    return of(base, trainable, OptimizerMemory.EXACT, seed);
  }

  static TrainingModel of(
      PhiModel base, TrainableParameters trainable, OptimizerMemory kept, long seed) {
    requireKept(trainable, kept);
    if (!trainable.parameters().equals(Parameters.of(base))) {
      throw new IllegalArgumentException(
          "trainable: its parameters are not the model's, needed a selection of this model's");
    }
    return new TrainingModel(base, trainable, kept, seed);
  }

  /** Refuses settings that what trains does not go with. */
  static void requireKept(TrainableParameters trainable, OptimizerMemory kept) {
    if (trainable.adapter().isPresent() && (kept.bf16StochasticRound() || kept.optimizerInBwd())) {
      throw new IllegalArgumentException(
          "%s: given beside an adapter, which is small and F32; set adapter: none or remove it"
              .formatted(kept.optimizerInBwd() ? "optimizer_in_bwd" : "bf16_stochastic_round"));
    }
    for (String name : trainable.trained().keySet()) {
      Parameter parameter = trainable.parameters().get(name);
      if (kept.bf16StochasticRound()
          && !parameter.isVector()
          && parameter.type() != ElementType.BF16) {
        throw new IllegalArgumentException(
            "bf16_stochastic_round: %s is %s, needed BF16; remove it or convert base_model"
                .formatted(name, parameter.type()));
      }
    }
  }

  /** Bytes of the copies of rows that train. */
  static long masterBytes(TrainableParameters trainable, OptimizerMemory kept) {
    return trainable.trained().keySet().stream()
        .mapToLong(name -> RowSplitter.byteSize(trainable, kept, name))
        .sum();
  }

  /** Bytes of the moments of an adapter's matrices. */
  static long adapterMomentBytes(TrainableParameters trainable, boolean eightBit) {
    long bytes = 0;
    for (String module : trainable.adapted()) {
      Parameter weight = trainable.parameters().get(module + ".weight");
      int rank = trainable.adapter().orElseThrow().r();
      bytes += Moments.byteSize(rank, weight.columns(), eightBit);
      bytes += Moments.byteSize(weight.rows(), rank, eightBit);
    }
    return bytes;
  }

  /** Bytes of an adapter's matrices; gradients take as much. */
  static long adapterBytes(TrainableParameters trainable) {
    long bytes = 0;
    for (String module : trainable.adapted()) {
      Parameter weight = trainable.parameters().get(module + ".weight");
      bytes +=
          TrainedUpdate.byteSize(
              trainable.adapter().orElseThrow(), weight.rows(), weight.columns());
    }
    return bytes;
  }

  /**
   * The adapter as it is now, what it saves whole included.
   *
   * @return a view, valid until this is closed
   * @throws IllegalStateException where none trains
   */
  public LoraAdapter adapter() {
    if (trainable.adapter().isEmpty()) {
      throw new IllegalStateException("no adapter trains");
    }
    Map<String, LowRank> updates = new HashMap<>();
    for (TrainedLayer layer : layers) {
      for (TrainedLinear linear : layer.linears()) {
        linear.update().ifPresent(update -> updates.put(update.module(), update.weights()));
      }
    }
    Map<String, Weights> matrices = new HashMap<>();
    Map<String, float[]> vectors = new HashMap<>();
    for (TrainedRows rows : trained) {
      if (rows instanceof TrainedVector vector) {
        vectors.put(vector.name(), vector.values());
      } else if (rows instanceof TrainedMatrix matrix
          && trainable.trained().containsKey(matrix.name())) {
        matrices.put(matrix.name(), matrix.master());
      }
    }
    return LoraAdapter.of(
        trainable.adapter().get(), base.config().dimensions(), updates, matrices, vectors);
  }

  /**
   * The model that frozen rows are read from.
   *
   * @return its frozen rows are unchanged by training
   */
  public PhiModel base() {
    return base;
  }

  /**
   * What trains.
   *
   * @return the selection
   */
  public TrainableParameters trainable() {
    return trainable;
  }

  /**
   * What trains, with values and gradients.
   *
   * @return in module order, the ranges of a parameter in ascending order
   */
  public List<TrainedRows> trained() {
    return List.copyOf(trained);
  }

  /** Sets every gradient to zero. */
  public void zeroGradients() {
    trained.forEach(TrainingModel::zeroGradient);
  }

  /** Enough before a pass that overwrites the gradients of the model's matrices. */
  void zeroAddedGradients() {
    for (TrainedRows rows : trained) {
      if (rows instanceof TrainedVector || !trainable.trained().containsKey(rows.name())) {
        zeroGradient(rows);
      }
    }
  }

  private static void zeroGradient(TrainedRows rows) {
    switch (rows) {
      case TrainedMatrix matrix -> matrix.gradient().fillWithZeros();
      case TrainedVector vector -> Arrays.fill(vector.gradient(), 0f);
    }
  }

  List<RowSegment> embedTokens() {
    return embedTokens;
  }

  List<TrainedLayer> layers() {
    return layers;
  }

  TrainedNorm finalLayernorm() {
    return finalLayernorm;
  }

  TrainedLinear lmHead() {
    return lmHead;
  }

  RotaryEmbedding rotary() {
    return rotary;
  }

  /** Whether rows of the input embedding train. */
  boolean embeddingTrains() {
    return embedTokens.stream().anyMatch(segment -> segment.trained().isPresent());
  }

  /** The lowest layer that a backward pass must reach; the number of layers where it needs none. */
  int lowestLayer() {
    if (embeddingTrains()) {
      return 0;
    }
    int lowest = 0;
    while (lowest < layers.size() && !layers.get(lowest).trains()) {
      lowest++;
    }
    return lowest;
  }

  /** {@link #lowestLayer()} of a model that is not there yet. */
  static int lowestLayer(PhiConfig config, TrainableParameters trainable) {
    if (!trainable.rows("model.embed_tokens.weight").isEmpty()) {
      return 0;
    }
    int lowest = 0;
    while (lowest < config.numHiddenLayers() && !trains(trainable, "model.layers." + lowest)) {
      lowest++;
    }
    return lowest;
  }

  private static boolean trains(TrainableParameters trainable, String layer) {
    return trainable.trained().keySet().stream().anyMatch(name -> name.startsWith(layer + "."))
        || trainable.adapted().stream().anyMatch(name -> name.startsWith(layer + "."));
  }

  /** Frees the copies and the gradients. */
  @Override
  public void close() {
    arena.close();
  }
}
