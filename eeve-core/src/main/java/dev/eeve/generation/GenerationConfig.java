package dev.eeve.generation;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How to generate; named as Hugging Face's GenerationConfig names its settings.
 *
 * @param maxNewTokens limit of new tokens, 0 or more
 * @param temperature divides the logits; 0 takes the likeliest token (greedy)
 * @param topK sample among the k likeliest tokens; 0 is off
 * @param topP sample among the likeliest tokens that together reach this probability; 1 is off
 * @param minP sample among tokens at least this share as likely as the likeliest; 0 is off
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens seen before
 *     (Keskar et al., 2019); 1 is off
 * @param seed of the random numbers; the same seed gives the same text
 * @param stop strings that end the text; they are not part of it
 * @param ignoreEos whether a token that ends a document does not end the generation
 * @param hook sees each step's logits first
 * @param promptLookup whether to draft tokens from the text so far and verify several at once;
 *     faster where a text repeats itself or its prompt, and the same tokens always: also when
 *     sampling, since a draft counts only where the sampler chooses it
 */
public record GenerationConfig(
    int maxNewTokens,
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty,
    long seed,
    List<String> stop,
    boolean ignoreEos,
    LogitsHook hook,
    boolean promptLookup) {
  /** Checks every setting. */
  public GenerationConfig {
    stop = List.copyOf(stop);
    Objects.requireNonNull(hook, "hook");
    check(maxNewTokens >= 0, "max_new_tokens", maxNewTokens, "0 or more");
    check(
        temperature >= 0 && temperature < Float.POSITIVE_INFINITY,
        "temperature",
        temperature,
        "0 or more");
    check(topK >= 0, "top_k", topK, "0 or more");
    check(topP > 0 && topP <= 1, "top_p", topP, "more than 0 and at most 1");
    check(minP >= 0 && minP <= 1, "min_p", minP, "0 to 1");
    check(
        repetitionPenalty > 0 && repetitionPenalty < Float.POSITIVE_INFINITY,
        "repetition_penalty",
        repetitionPenalty,
        "more than 0");
    check(stop.stream().noneMatch(String::isEmpty), "stop", "an empty string", "some text");
  }

  private static void check(boolean good, String name, Object found, String needed) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + found + ", needed " + needed);
    }
  }

  /**
   * The likeliest token at each step.
   *
   * @param maxNewTokens limit of new tokens
   * @return the settings
   */
  public static GenerationConfig greedy(int maxNewTokens) {
    return new GenerationConfig(
        maxNewTokens, 0f, 0, 1f, 0f, 1f, 0L, List.of(), false, LogitsHook.NONE, false);
  }

  /**
   * Sampling from the model's own distribution.
   *
   * @param maxNewTokens limit of new tokens
   * @param temperature above 0
   * @param seed of the random numbers
   * @return the settings
   */
  public static GenerationConfig sampled(int maxNewTokens, float temperature, long seed) {
    return greedy(maxNewTokens).withTemperature(temperature).withSeed(seed);
  }

  /**
   * These settings with another limit.
   *
   * @param value limit of new tokens
   * @return a copy
   */
  public GenerationConfig withMaxNewTokens(int value) {
    return new GenerationConfig(
        value,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another temperature.
   *
   * @param value 0 is greedy
   * @return a copy
   */
  public GenerationConfig withTemperature(float value) {
    return new GenerationConfig(
        maxNewTokens,
        value,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another top-k.
   *
   * @param value 0 is off
   * @return a copy
   */
  public GenerationConfig withTopK(int value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        value,
        topP,
        minP,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another top-p.
   *
   * @param value 1 is off
   * @return a copy
   */
  public GenerationConfig withTopP(float value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        value,
        minP,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another min-p.
   *
   * @param value 0 is off
   * @return a copy
   */
  public GenerationConfig withMinP(float value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        value,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another repetition penalty.
   *
   * @param value 1 is off
   * @return a copy
   */
  public GenerationConfig withRepetitionPenalty(float value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        value,
        seed,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another seed.
   *
   * @param value of the random numbers
   * @return a copy
   */
  public GenerationConfig withSeed(long value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        value,
        stop,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with one more stop string.
   *
   * @param text ends the generation where it appears
   * @return a copy
   */
  public GenerationConfig withStop(String text) {
    List<String> more = new ArrayList<>(stop);
    more.add(text);
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        more,
        ignoreEos,
        hook,
        promptLookup);
  }

  /**
   * These settings with another rule for tokens that end a document.
   *
   * @param value whether to go on after one
   * @return a copy
   */
  public GenerationConfig withIgnoreEos(boolean value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        stop,
        value,
        hook,
        promptLookup);
  }

  /**
   * These settings with another hook.
   *
   * @param value sees each step's logits first
   * @return a copy
   */
  public GenerationConfig withHook(LogitsHook value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        value,
        promptLookup);
  }

  /**
   * These settings with or without prompt-lookup decoding.
   *
   * @param value whether to verify drafts from the text so far
   * @return a copy
   */
  public GenerationConfig withPromptLookup(boolean value) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        minP,
        repetitionPenalty,
        seed,
        stop,
        ignoreEos,
        hook,
        value);
  }
}
