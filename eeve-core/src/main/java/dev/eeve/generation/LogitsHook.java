package dev.eeve.generation;

/** Sees the logits of each step before anything else does, and may change them. */
@FunctionalInterface
public interface LogitsHook {
  /** Leaves the logits as they are. */
  LogitsHook NONE = (tokens, count, logits) -> {};

  /**
   * Called once per new token.
   *
   * @param tokens the tokens so far, prompt first; not to be changed
   * @param count how many of {@code tokens} there are
   * @param logits V logits; negative infinity forbids a token
   */
  void accept(int[] tokens, int count, float[] logits);
}
