package dev.eeve.generation;

import java.util.List;

/**
 * A finished generation.
 *
 * @param promptTokens the prompt's ids as the model read them
 * @param reusedTokens how many of these the context held already, so that they were not read
 * @param tokens the new ids, the one that ended it included
 * @param text the continuation's text: no special tokens, no stop string, no unfinished last
 *     character; empty where the model has no tokenizer
 * @param finishReason why it ended
 * @param promptNanos time spent on the prompt
 * @param decodeNanos time spent on the new tokens
 */
public record Generation(
    List<Integer> promptTokens,
    int reusedTokens,
    List<Integer> tokens,
    String text,
    FinishReason finishReason,
    long promptNanos,
    long decodeNanos) {
  /** Keeps copies. */
  public Generation {
    promptTokens = List.copyOf(promptTokens);
    tokens = List.copyOf(tokens);
  }

  /**
   * Speed of reading the prompt: of the tokens that were read.
   *
   * @return tokens per second; 0 where none was
   */
  public double promptTokensPerSecond() {
    return promptNanos == 0 ? 0 : (promptTokens.size() - reusedTokens) * 1e9 / promptNanos;
  }

  /**
   * Speed of generating. The first token comes with the prompt, so it is not counted.
   *
   * @return tokens per second; 0 where there are fewer than two
   */
  public double decodeTokensPerSecond() {
    return tokens.size() < 2 || decodeNanos == 0 ? 0 : (tokens.size() - 1) * 1e9 / decodeNanos;
  }
}
