package dev.eeve.vocabulary;

/** Hears how far a long run has come; called from one thread. */
@FunctionalInterface
public interface ExpansionProgress {
  /** Hears nothing. */
  ExpansionProgress NONE = (step, done, total) -> {};

  /**
   * Called now and then.
   *
   * @param step what is being done, such as {@code counting}
   * @param done how much of it, in the step's own unit; bytes for files
   * @param total all of it
   */
  void update(String step, long done, long total);
}
