package dev.eeve.model;

/** Hears how far loading a model has come. */
@FunctionalInterface
public interface LoadListener {
  /** Hears nothing. */
  LoadListener NONE = (done, total) -> {};

  /**
   * Called after each strip of weights, on the threads that load, by one at a time.
   *
   * @param done bytes of the files' tensors read so far; grows from call to call
   * @param total bytes of all of them
   */
  void loaded(long done, long total);
}
