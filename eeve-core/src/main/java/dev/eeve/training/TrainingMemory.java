package dev.eeve.training;

import dev.eeve.internal.MachineMemory;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.kernels.Weights;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The memory that training takes, known before any of it is taken. */
public final class TrainingMemory {
  /** A JVM that compiles and runs these kernels, without what it computes on; measured. */
  private static final long JVM_BYTES = 240L << 20;

  /** A smaller plan fits wherever a JVM does. */
  private static final long SMALL = 512L << 20;

  /** Rows of a packed block are rounded up to at most this many. */
  private static final int MAX_TILE_ROWS = 16;

  /** Features that a product packs at once: a backward one always, a forward one of many rows. */
  private static final long PACKED_FEATURES = 2560;

  private static final int MANY_ROWS = 256;

  private TrainingMemory() {}

  /**
   * The rows a pass holds at most.
   *
   * @param rows of a batch
   * @param longest of one document
   */
  record Batch(int rows, int longest) {
    /** Of training on some data and measuring on it or on other data. */
    static Batch of(TokenDataset data, TrainingConfig settings) {
      int longest = longest(data);
      int row = settings.samplePacking() ? settings.sequenceLen() : longest;
      return new Batch(Math.multiplyExact(settings.microBatchSize(), row), longest);
    }

    /** Beside what is measured on, whose sequences are put together up to sequence_len. */
    Batch with(TokenDataset validation, TrainingConfig settings) {
      int other = longest(validation);
      int together = Math.max(other, Math.min(settings.sequenceLen(), validation.tokens()));
      return new Batch(Math.max(rows, together), Math.max(longest, other));
    }

    private static int longest(TokenDataset data) {
      int longest = 0;
      for (int i = 0; i < data.size(); i++) {
        longest = Math.max(longest, data.length(i));
      }
      return longest;
    }
  }

  /**
   * Plans one stage.
   *
   * @param config the model's shape
   * @param trainable what trains; its parameters' type is how frozen matrices are kept
   * @param settings how
   * @param data what it trains on
   * @param threads that share one computation
   * @return weights; masters, gradients and moments of what trains; activations; logits; the
   *     kernels' buffers; data; and the JVM itself
   */
  public static MemoryPlan plan(
      PhiConfig config,
      TrainableParameters trainable,
      TrainingConfig settings,
      TokenDataset data,
      int threads) {
    return plan(
        config,
        trainable,
        settings,
        Batch.of(data, settings),
        data.byteSize(),
        config.vocabSize(),
        threads);
  }

  static MemoryPlan plan(
      PhiConfig config,
      TrainableParameters trainable,
      TrainingConfig settings,
      Batch batch,
      long dataBytes,
      int lossRows,
      int threads) {
    List<MemoryPlan.Item> items =
        new ArrayList<>(MemoryPlan.forWeights(config, trainable.parameters().types()).items());
    OptimizerMemory kept = settings.optimizer().memory();
    long masters = TrainingModel.masterBytes(trainable, kept);
    long adapters = TrainingModel.adapterBytes(trainable);
    items.add(new MemoryPlan.Item("masters", masters, true));
    items.add(new MemoryPlan.Item("adapters", adapters, true));
    items.add(new MemoryPlan.Item("gradients", gradients(trainable, kept) + adapters, true));
    items.add(new MemoryPlan.Item("moments", moments(trainable, kept), true));
    items.add(new MemoryPlan.Item("copies_of_frozen_rows", frozenCopies(trainable), true));
    int lowest = TrainingModel.lowestLayer(config, trainable);
    long activations =
        TrainingActivations.byteSize(
            config, batch.rows(), batch.longest(), lowest, settings.gradientCheckpointing());
    long cache =
        KeyValueRows.byteSize(
            ElementType.F32, config.numKeyValueHeads(), config.headDim(), batch.longest());
    long updates = UpdateRoom.byteSize(trainable.adapter(), config, batch.rows());
    items.add(new MemoryPlan.Item("activations", activations - cache + updates, false));
    items.add(new MemoryPlan.Item("keys_and_values", cache, true));
    long logits = HeadLoss.byteSize(batch.rows(), config.hiddenSize(), lossRows);
    items.add(new MemoryPlan.Item("logits", logits, false));
    long scratch = scratch(config, trainable, batch, lowest, threads);
    items.add(new MemoryPlan.Item("scratch", scratch, false));
    items.add(new MemoryPlan.Item("data", dataBytes, false));
    items.add(new MemoryPlan.Item("jvm", JVM_BYTES, true));
    return new MemoryPlan(items);
  }

  private static long gradients(TrainableParameters trainable, OptimizerMemory kept) {
    return GradientMemory.byteSize(trainable, kept.optimizerInBwd())
        + Float.BYTES * vectorElements(trainable);
  }

  private static long moments(TrainableParameters trainable, OptimizerMemory kept) {
    long bytes =
        TrainingModel.adapterMomentBytes(trainable, kept.eightBitMoments())
            + 2 * Float.BYTES * vectorElements(trainable);
    for (String name : trainable.trained().keySet()) {
      Parameter parameter = trainable.parameters().get(name);
      for (RowSet.Range range : trainable.rows(name).ranges()) {
        if (!parameter.isVector()) {
          bytes += Moments.byteSize(range.count(), parameter.columns(), kept.eightBitMoments());
        }
      }
    }
    return bytes;
  }

  private static long vectorElements(TrainableParameters trainable) {
    return trainable.trained().entrySet().stream()
        .filter(entry -> trainable.parameters().get(entry.getKey()).isVector())
        .mapToLong(entry -> entry.getValue().count())
        .sum();
  }

  /** Frozen rows after trained ones that do not start where a panel does. */
  private static long frozenCopies(TrainableParameters trainable) {
    long bytes = 0;
    for (String name : trainable.trained().keySet()) {
      Parameter parameter = trainable.parameters().get(name);
      int row = 0;
      for (RowSet.Range range : trainable.rows(name).ranges()) {
        bytes += frozenCopy(parameter, row, range.from());
        row = range.to();
      }
      bytes += frozenCopy(parameter, row, parameter.rows());
    }
    return bytes;
  }

  private static long frozenCopy(Parameter parameter, int from, int to) {
    return parameter.isVector() || from == to || from % Weights.PANEL_ROWS == 0
        ? 0
        : Weights.byteSize(parameter.type(), to - from, parameter.columns());
  }

  /** Inputs packed for tiles, each kind at its largest, and every thread's own buffers. */
  private static long scratch(
      PhiConfig config, TrainableParameters trainable, Batch batch, int lowest, int threads) {
    long rows = batch.rows() + (long) MAX_TILE_ROWS;
    long head = HeadLoss.rows(batch.rows()) + (long) MAX_TILE_ROWS;
    long hidden = config.hiddenSize();
    long intermediate = config.intermediateSize();
    boolean backward = lowest < config.numHiddenLayers();
    long widest = Math.max(hidden, intermediate);
    long floats = Math.max(Math.min(rows, MANY_ROWS) * widest, head * hidden);
    floats = Math.max(floats, rows * Math.min(widest, PACKED_FEATURES));
    if (backward) {
      floats = Math.max(floats, rows * PACKED_FEATURES); // one packing at a time
    }
    boolean body =
        trainable.adapter().isPresent()
            || trainable.trained().keySet().stream()
                .anyMatch(name -> name.startsWith("model.layers."));
    boolean headTrains = !trainable.rows("lm_head.weight").isEmpty();
    long packed = Math.min(PACKED_FEATURES, Math.max(hidden, intermediate));
    floats += body || headTrains ? rows * packed : 0;
    long panels = 4 * Weights.PANEL_ROWS;
    long width = config.headDim() + 2L * MAX_TILE_ROWS;
    long attention = backward ? 7 * (batch.longest() + 2L * MAX_TILE_ROWS) * width : 0;
    floats += threads * (panels * (rows + 1280) + attention);
    return floats * Float.BYTES;
  }

  /** Refuses a plan that the machine or this JVM's heap is too small for. */
  static void require(MemoryPlan plan, TrainingConfig settings) {
    if (plan.bytes() > SMALL) {
      require(plan, settings, MachineMemory.bytes(), Runtime.getRuntime().maxMemory());
    }
  }

  static void require(MemoryPlan plan, TrainingConfig settings, long memory, long heapLimit) {
    if (plan.bytes() > memory) {
      throw new IllegalArgumentException(
          "memory: training needs %s, %s of them for %s, the machine has %s; %s"
              .formatted(
                  gigabytes(plan.bytes()),
                  gigabytes(largest(plan).bytes()),
                  largest(plan).name(),
                  gigabytes(memory),
                  advice(plan, settings)));
    }
    long heap =
        plan.items().stream()
            .filter(item -> !item.offHeap())
            .mapToLong(MemoryPlan.Item::bytes)
            .sum();
    if (heap > heapLimit) {
      throw new IllegalArgumentException(
          "memory: activations and buffers need %s of heap, this JVM may take %s; raise -Xmx or %s"
              .formatted(gigabytes(heap), gigabytes(heapLimit), smallerBatch(settings)));
    }
  }

  private static MemoryPlan.Item largest(MemoryPlan plan) {
    return plan.items().stream()
        .reduce((a, b) -> b.bytes() > a.bytes() ? b : a)
        .orElseThrow(() -> new IllegalArgumentException("plan: no items, needed some"));
  }

  private static String advice(MemoryPlan plan, TrainingConfig settings) {
    return switch (largest(plan).name()) {
      case "adapters" -> "lower lora_r or name fewer lora_target_modules";
      case "masters", "gradients", "moments" -> smallerOptimizer(plan, settings);
      case "activations", "logits", "scratch" -> smallerBatch(settings);
      default -> "take a smaller base_model or a machine with more memory";
    };
  }

  /** Of what grows with the rows that train. */
  private static String smallerOptimizer(MemoryPlan plan, TrainingConfig settings) {
    OptimizerMemory kept = settings.optimizer().memory();
    boolean adapts =
        plan.items().stream().anyMatch(item -> item.name().equals("adapters") && item.bytes() > 0);
    List<String> left = new ArrayList<>();
    if (!kept.eightBitMoments()) {
      left.add("optimizer: adamw_8bit");
    }
    if (!adapts && !kept.optimizerInBwd()) {
      left.add("optimizer_in_bwd: true");
    }
    if (!adapts && !kept.bf16StochasticRound()) {
      left.add("bf16_stochastic_round: true");
    }
    return left.isEmpty()
        ? "train fewer rows: another stage or narrower unfrozen_parameters"
        : "set " + String.join(", ", left) + "; or train fewer rows";
  }

  private static String smallerBatch(TrainingConfig settings) {
    if (!settings.gradientCheckpointing()) {
      return "set gradient_checkpointing: true";
    }
    return settings.microBatchSize() > 1
        ? "lower micro_batch_size and raise gradient_accumulation_steps"
        : "lower sequence_len";
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
