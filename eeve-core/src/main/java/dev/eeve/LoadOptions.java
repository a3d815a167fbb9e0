package dev.eeve;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.model.LoadListener;
import java.util.Objects;
import java.util.Optional;

/**
 * How to load a model.
 *
 * @param dtype how to keep the weights; empty for the file's own type
 * @param cacheType how contexts keep keys and values: F32, F16, BF16 or Q8_0
 * @param threads threads that share one computation, at least 1
 * @param blocking block sizes of the kernels
 * @param listener hears how far loading has come
 * @param warmUp whether the kernels run on a tiny random model meanwhile, on a thread of their own:
 *     the JIT then has compiled them for the first token. For programs that load once and answer at
 *     once; models below 500 MB are read too soon for it; no result depends on it
 */
public record LoadOptions(
    Optional<ElementType> dtype,
    ElementType cacheType,
    int threads,
    Blocking blocking,
    LoadListener listener,
    boolean warmUp) {
  /** Checks the number of threads and the cache's type. */
  public LoadOptions {
    KeyValueRows.requireType(cacheType);
    Objects.requireNonNull(listener, "listener");
    if (threads < 1) {
      throw new IllegalArgumentException("threads: " + threads + ", needed at least 1");
    }
  }

  /**
   * The file's own type, keys and values in F32, all processors.
   *
   * @return the options
   */
  public static LoadOptions defaults() {
    return new LoadOptions(
        Optional.empty(),
        ElementType.F32,
        Runtime.getRuntime().availableProcessors(),
        Blocking.defaults(),
        LoadListener.NONE,
        false);
  }

  /**
   * These options with a type for the weights.
   *
   * @param value how to keep them
   * @return a copy
   */
  public LoadOptions withDtype(ElementType value) {
    return new LoadOptions(Optional.of(value), cacheType, threads, blocking, listener, warmUp);
  }

  /**
   * These options with another type for keys and values.
   *
   * @param value F32, F16, BF16 or Q8_0
   * @return a copy
   */
  public LoadOptions withCacheType(ElementType value) {
    return new LoadOptions(dtype, value, threads, blocking, listener, warmUp);
  }

  /**
   * These options with another number of threads.
   *
   * @param value at least 1
   * @return a copy
   */
  public LoadOptions withThreads(int value) {
    return new LoadOptions(dtype, cacheType, value, blocking, listener, warmUp);
  }

  /**
   * These options with other block sizes.
   *
   * @param value the sizes
   * @return a copy
   */
  public LoadOptions withBlocking(Blocking value) {
    return new LoadOptions(dtype, cacheType, threads, value, listener, warmUp);
  }

  /**
   * These options with a listener.
   *
   * @param value hears how far loading has come
   * @return a copy
   */
  public LoadOptions withListener(LoadListener value) {
    return new LoadOptions(dtype, cacheType, threads, blocking, value, warmUp);
  }

  /**
   * These options with the kernels running while the model is read, or not.
   *
   * @param value whether they do
   * @return a copy
   */
  public LoadOptions withWarmUp(boolean value) {
    return new LoadOptions(dtype, cacheType, threads, blocking, listener, value);
  }
}
