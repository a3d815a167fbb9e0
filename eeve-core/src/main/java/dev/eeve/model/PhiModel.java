package dev.eeve.model;

import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Fingerprint;
import dev.eeve.kernels.RotaryEmbedding;
import dev.eeve.kernels.Simd;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A Phi model's parameters, off-heap and immutable, shared by any number of threads; a {@link
 * Session} runs it. {@link #close} frees the memory: close every session before.
 */
public final class PhiModel implements AutoCloseable {
  private static final AtomicBoolean KERNELS_TOLD = new AtomicBoolean();

  private final PhiConfig config;
  private final KeptTypes types;
  private final ElementType type;
  private final Weights embedTokens;
  private final List<PhiLayer> layers;
  private final NormLayer finalLayernorm;
  private final LinearLayer lmHead;
  private final RotaryEmbedding rotary;
  private final Arena arena;
  private volatile String fingerprint;

  PhiModel(
      PhiConfig config,
      KeptTypes types,
      Weights embedTokens,
      List<PhiLayer> layers,
      NormLayer finalLayernorm,
      LinearLayer lmHead,
      Arena arena) {
    this.config = config;
    this.types = types;
    this.type = types.main(config);
    this.embedTokens = embedTokens;
    this.layers = List.copyOf(layers);
    this.finalLayernorm = finalLayernorm;
    this.lmHead = lmHead;
    this.arena = arena;
    this.rotary =
        new RotaryEmbedding(
            config.rotaryDim(),
            config.headDim(),
            config.ropeTheta(),
            config.maxPositionEmbeddings());
    tellKernelsOnce();
  }

  /** The one warning a user gets whose flags leave the vector kernels off. */
  private static void tellKernelsOnce() {
    if (!Simd.enabled() && KERNELS_TOLD.compareAndSet(false, true)) {
      System.getLogger("dev.eeve")
          .log(
              System.Logger.Level.WARNING,
              "eeve runs about 5 times slower than it can: " + Simd.describe());
    }
  }

  /**
   * Loads a Hugging Face model folder (config.json and the safetensors files) or a GGUF file.
   * Tensors are read in strips into their final place; no mapping or second copy remains.
   *
   * @param path the folder or file
   * @param type how to keep the weights; empty for embed_tokens' type in the file, but for each
   *     matrix's own where the file has Q8_0 or Q4_0 blocks, and F16 for the other block formats. A
   *     matrix whose rows are not whole blocks of the type is kept as F16, and a warning says so
   * @param threads threads that read and convert, at least 1
   * @return the model
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static PhiModel open(Path path, Optional<ElementType> type, int threads)
      throws IOException {
    return open(path, type, threads, LoadListener.NONE);
  }

  /**
   * Loads a model, as {@link #open(Path, Optional, int)}.
   *
   * @param path the folder or file
   * @param type how to keep the weights; empty for the file's own
   * @param threads threads that read and convert, at least 1
   * @param listener hears how far it has come
   * @return the model
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static PhiModel open(
      Path path, Optional<ElementType> type, int threads, LoadListener listener)
      throws IOException {
    return open(path, type, threads, listener, false);
  }

  /**
   * Loads a model, as {@link #open(Path, Optional, int)}.
   *
   * @param path the folder or file
   * @param type how to keep the weights; empty for the file's own
   * @param threads threads that read and convert, at least 1
   * @param listener hears how far it has come
   * @param warmUp whether the kernels run on a tiny random model meanwhile, so that they are
   *     compiled afterwards
   * @return the model
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static PhiModel open(
      Path path, Optional<ElementType> type, int threads, LoadListener listener, boolean warmUp)
      throws IOException {
    try (Checkpoint files = Checkpoint.open(path)) {
      return PhiLoader.load(files, PhiConfig.read(files), type, threads, listener, warmUp);
    }
  }

  /**
   * Loads a model whose matrices are kept in different types.
   *
   * @param path the folder or file
   * @param types how to keep each matrix
   * @param threads threads that read and convert, at least 1
   * @return the model
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static PhiModel open(Path path, KeptTypes types, int threads) throws IOException {
    try (Checkpoint files = Checkpoint.open(path)) {
      return PhiLoader.load(files, PhiConfig.read(files), types, threads, LoadListener.NONE);
    }
  }

  /**
   * A model of random weights, normal with the config's initializer range, biases zero and norms
   * one: for training from scratch, tests and figures of a shape. The same seed gives the same
   * weights at any number of threads.
   *
   * @param config the shape
   * @param type how to keep the weights
   * @param seed of the random numbers
   * @param threads threads that fill the weights, at least 1
   * @return the model
   */
  public static PhiModel random(PhiConfig config, ElementType type, long seed, int threads) {
    KeptTypes types = KeptTypes.of(config, type);
    types.tellWhatStaysF16(type);
    return random(config, types, seed, threads);
  }

  /**
   * A model of random weights, as {@link #random(PhiConfig, ElementType, long, int)}, whose
   * matrices are kept in different types.
   *
   * @param config the shape
   * @param types how to keep each matrix
   * @param seed of the random numbers
   * @param threads threads that fill the weights, at least 1
   * @return the model
   */
  public static PhiModel random(PhiConfig config, KeptTypes types, long seed, int threads) {
    return PhiInitializer.initialize(config, types, seed, threads);
  }

  /**
   * The settings.
   *
   * @return as config.json has them
   */
  public PhiConfig config() {
    return config;
  }

  /**
   * How the weight matrices are kept.
   *
   * @return the type that most weights have
   */
  public ElementType type() {
    return type;
  }

  /**
   * How each weight matrix is kept.
   *
   * @return types by name
   */
  public KeptTypes types() {
    return types;
  }

  /**
   * The input embedding.
   *
   * @return {@code model.embed_tokens.weight} (V, C)
   */
  public Weights embedTokens() {
    return embedTokens;
  }

  /**
   * The decoder layers.
   *
   * @return {@code model.layers}
   */
  public List<PhiLayer> layers() {
    return layers;
  }

  /**
   * The norm before the head.
   *
   * @return {@code model.final_layernorm}
   */
  public NormLayer finalLayernorm() {
    return finalLayernorm;
  }

  /**
   * The head.
   *
   * @return {@code lm_head}: (V, C) and its bias
   */
  public LinearLayer lmHead() {
    return lmHead;
  }

  /**
   * What tells models apart: settings that decide what is computed, and every weight as it is kept.
   * Computed once, at the rate of reading memory.
   */
  String fingerprint(Workers workers) {
    if (fingerprint == null) {
      Fingerprint print =
          new Fingerprint()
              .add(
                  "%s %s %s %s"
                      .formatted(
                          config.dimensions(),
                          config.partialRotaryFactor(),
                          config.ropeTheta(),
                          config.layerNormEps()))
              .add(workers, embedTokens);
      for (PhiLayer layer : layers) {
        print.add(layer.inputLayernorm().weight()).add(layer.inputLayernorm().bias());
        for (LinearLayer part : layer.linears()) {
          print.add(workers, part.weight()).add(part.bias());
        }
      }
      print.add(finalLayernorm.weight()).add(finalLayernorm.bias());
      fingerprint = print.add(workers, lmHead.weight()).add(lmHead.bias()).toString();
    }
    return fingerprint;
  }

  RotaryEmbedding rotary() {
    return rotary;
  }

  /** Frees the weights. */
  @Override
  public void close() {
    arena.close();
  }
}
