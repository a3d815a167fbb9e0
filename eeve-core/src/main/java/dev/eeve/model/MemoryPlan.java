package dev.eeve.model;

import dev.eeve.internal.MachineMemory;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Weights;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The memory a model needs, known before any of it is taken.
 *
 * @param items what it is for
 */
public record MemoryPlan(List<Item> items) {
  /** A smaller plan fits wherever a JVM does, and asking the machine takes milliseconds. */
  private static final long SMALL = 256L << 20;

  /** Rows of a packed block are rounded up to at most this many. */
  private static final int MAX_TILE_ROWS = 16;

  /** Panels a thread works on at once, at most. */
  private static final int MAX_PANELS = 8;

  /**
   * One purpose.
   *
   * @param name for example {@code weights.mlp}
   * @param bytes how much; exact but for {@code scratch}, which is the most it grows to
   * @param offHeap whether it is outside the Java heap
   */
  public record Item(String name, long bytes, boolean offHeap) {}

  /** Keeps a copy. */
  public MemoryPlan {
    items = List.copyOf(items);
  }

  /**
   * The parameters alone, as they are kept for any number of sessions.
   *
   * @param config the shape
   * @param type how the weights are kept
   * @return matrices by part, padding included; biases and norms; rotary tables
   */
  public static MemoryPlan forWeights(PhiConfig config, ElementType type) {
    return forWeights(config, KeptTypes.of(config, type));
  }

  /**
   * The parameters alone, where matrices differ in type.
   *
   * @param config the shape
   * @param types how each matrix is kept
   * @return as {@link #forWeights(PhiConfig, ElementType)}
   */
  public static MemoryPlan forWeights(PhiConfig config, KeptTypes types) {
    Map<String, Long> matrices = new LinkedHashMap<>();
    long vectors = 0;
    for (Map.Entry<String, List<Long>> entry : config.dimensions().shapes().entrySet()) {
      List<Long> shape = entry.getValue();
      int rows = Math.toIntExact(shape.get(0));
      if (shape.size() == 1) {
        vectors += (long) rows * Float.BYTES;
      } else {
        ElementType type = types.matrices().get(entry.getKey());
        long bytes = Weights.byteSize(type, rows, Math.toIntExact(shape.get(1)));
        matrices.merge("weights." + part(entry.getKey()), bytes, Long::sum);
      }
    }
    List<Item> items = new ArrayList<>();
    matrices.forEach((name, bytes) -> items.add(new Item(name, bytes, true)));
    items.add(new Item("weights.biases_and_norms", vectors, false));
    long angles = (long) config.maxPositionEmbeddings() * config.rotaryDim();
    items.add(new Item("rotary_tables", angles * Float.BYTES, false));
    return new MemoryPlan(items);
  }

  /**
   * A model and one session of it that keeps keys and values as F32.
   *
   * @param config the shape
   * @param type how the weights are kept
   * @param capacity tokens of the session's context
   * @param blocking block sizes
   * @param threads threads of one computation
   * @return all of {@link #forWeights}; keys and values; activations of a block and of a step;
   *     logits; the kernels' buffers; what prompt lookup takes beside, where it is on
   */
  public static MemoryPlan forGeneration(
      PhiConfig config, ElementType type, int capacity, Blocking blocking, int threads) {
    return forGeneration(
        config, KeptTypes.of(config, type), ElementType.F32, capacity, blocking, threads);
  }

  /**
   * A model and one session of it, where matrices differ in type.
   *
   * @param config the shape
   * @param types how each matrix is kept
   * @param cacheType how keys and values are kept
   * @param capacity tokens of the session's context
   * @param blocking block sizes
   * @param threads threads of one computation
   * @return as {@link #forGeneration(PhiConfig, ElementType, int, Blocking, int)}
   */
  public static MemoryPlan forGeneration(
      PhiConfig config,
      KeptTypes types,
      ElementType cacheType,
      int capacity,
      Blocking blocking,
      int threads) {
    List<Item> items = new ArrayList<>(forWeights(config, types).items);
    items.add(
        new Item("key_value_cache", KeyValueCache.byteSize(config, cacheType, capacity), true));
    int rows = Math.min(blocking.tokens(), capacity);
    items.add(new Item("activations", (rows + 1L) * activationBytesPerRow(config), false));
    items.add(new Item("logits", (long) config.vocabSize() * Float.BYTES, false));
    items.add(new Item("scratch", scratchBytes(config, rows, capacity, blocking, threads), false));
    items.add(new Item("prompt_lookup", promptLookupBytes(config), false));
    return new MemoryPlan(items);
  }

  /** Activations and logits of a block of drafts, and the logits of one of its rows. */
  private static long promptLookupBytes(PhiConfig config) {
    long logits = (FewRows.MOST + 1L) * config.vocabSize() * Float.BYTES;
    return logits + FewRows.MOST * activationBytesPerRow(config);
  }

  /** A row of every activation, its mean and its reciprocal deviation. */
  private static long activationBytesPerRow(PhiConfig config) {
    return (Activations.floatsPerRow(config) + 2L) * Float.BYTES;
  }

  /**
   * Inputs packed for tiles, plain and for Strassen's products, and for each thread its widened
   * weights, sums, attention tiles, blocks of keys and values as they are and as fp32, and a
   * query's scores.
   */
  private static long scratchBytes(
      PhiConfig config, int rows, int capacity, Blocking blocking, int threads) {
    long padded = rows + MAX_TILE_ROWS;
    long packed = padded * ((long) config.hiddenSize() + config.intermediateSize());
    long product = MAX_PANELS * (padded + blocking.depth()) * Weights.PANEL_ROWS;
    int columns = Math.max(config.hiddenSize(), config.intermediateSize());
    long width = config.headDim() + (long) MAX_TILE_ROWS * 2;
    long keys = blocking.keys() + (long) MAX_TILE_ROWS * 2;
    long attention = 5 * keys * width + 4L * MAX_TILE_ROWS * (width + 2 * keys) + capacity;
    long plain = packed + threads * (product + attention);
    return (plain + Linear.strassenFloats(rows, columns, blocking, threads)) * Float.BYTES;
  }

  /**
   * The part of the model a tensor belongs to.
   *
   * @param tensor its name in the current Hugging Face layout
   * @return embed_tokens, self_attn, mlp, layernorm or lm_head
   */
  public static String part(String tensor) {
    for (String part : List.of("embed_tokens", "self_attn", "mlp", "layernorm", "lm_head")) {
      if (tensor.contains(part)) {
        return part;
      }
    }
    throw new IllegalArgumentException("tensor: " + tensor + ", needed one of a Phi model");
  }

  /**
   * All of it.
   *
   * @return bytes
   */
  public long bytes() {
    return items.stream().mapToLong(Item::bytes).sum();
  }

  /**
   * Positions of a context whose keys and values fit in some memory.
   *
   * @param config the shape
   * @param cacheType how they are kept
   * @param bytes the memory
   * @return 0 or more, a multiple of 16
   */
  static long positionsIn(PhiConfig config, ElementType cacheType, long bytes) {
    int block = KeyValueRows.KEY_BLOCK;
    return Math.max(0, bytes) / KeyValueCache.byteSize(config, cacheType, block) * block;
  }

  /** Refuses weights that the machine has no memory for, naming a type that would fit. */
  static void requireWeights(PhiConfig config, KeptTypes types) {
    long needed = forWeights(config, types).bytes();
    if (needed > SMALL) {
      requireWeights(config, types, MachineMemory.bytes());
    }
  }

  static void requireWeights(PhiConfig config, KeptTypes types, long memory) {
    long needed = forWeights(config, types).bytes();
    if (needed <= memory) {
      return;
    }
    String advice = "choose a smaller model or a machine with more memory";
    for (ElementType other : List.of(ElementType.Q4_0, ElementType.Q8_0, ElementType.BF16)) {
      long bytes = forWeights(config, other).bytes();
      if (bytes <= memory) {
        advice = "choose dtype " + name(other) + ", which needs " + gigabytes(bytes);
      }
    }
    throw new IllegalArgumentException(
        "dtype: %s weights need %s, the machine has %s; %s"
            .formatted(name(types.main(config)), gigabytes(needed), gigabytes(memory), advice));
  }

  private static String name(ElementType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }

  /** Refuses a context that the machine has no memory for beside the weights. */
  static void requireContext(
      PhiConfig config, KeptTypes types, ElementType cacheType, int capacity) {
    long cache = KeyValueCache.byteSize(config, cacheType, capacity);
    if (forWeights(config, types).bytes() + cache > SMALL) {
      requireContext(config, types, cacheType, capacity, MachineMemory.bytes());
    }
  }

  static void requireContext(
      PhiConfig config, KeptTypes types, ElementType cacheType, int capacity, long memory) {
    long weights = forWeights(config, types).bytes();
    long cache = KeyValueCache.byteSize(config, cacheType, capacity);
    if (weights + cache > memory) {
      throw new IllegalArgumentException(
          "capacity: %d tokens need %s beside %s of weights, the machine has %s; choose at most %d"
              .formatted(
                  capacity,
                  gigabytes(cache),
                  gigabytes(weights),
                  gigabytes(memory),
                  positionsIn(config, cacheType, memory - weights)));
    }
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
