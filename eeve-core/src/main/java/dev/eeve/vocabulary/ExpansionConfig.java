package dev.eeve.vocabulary;

import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Settings of a vocabulary expansion.
 *
 * @param intermediateVocabSize continued: merges learnt on top of the base; independent: the size
 *     of the intermediate tokenizer
 * @param minCount new tokens seen fewer times are dropped; by default 6,000 for 100 GB of corpus
 *     and in proportion, at least 2
 * @param minCharCount missing characters seen more often are added; by default as minCount
 * @param maxAddedTokens the most new ids, merge steps, parts of characters and special tokens
 *     included; the rarest go first
 * @param firstNewId where new ids start, number_of_old_tokens; by default right after the base
 *     tokenizer's last id
 * @param padToMultipleOf the embedding gets rows up to a multiple of this
 * @param merges where new merges come from
 * @param specialTokens tokens appended last, such as {@link #EEVE_SPECIAL_TOKENS}; may be empty
 * @param skipBadLines whether lines that are no UTF-8 or no JSON are counted and skipped
 * @param maxRounds the bound of the refinement loop
 * @param trainingBytes merges are learnt from the most frequent words that together have at most so
 *     many bytes, each counted once; every word counts in the rounds that follow
 * @param threads how many count
 */
public record ExpansionConfig(
    int intermediateVocabSize,
    OptionalLong minCount,
    OptionalLong minCharCount,
    OptionalInt maxAddedTokens,
    OptionalInt firstNewId,
    int padToMultipleOf,
    MergeSource merges,
    List<String> specialTokens,
    boolean skipBadLines,
    int maxRounds,
    int trainingBytes,
    int threads) {
  /** Beginning and end of a document, and of a turn in a conversation. */
  public static final List<String> EEVE_SPECIAL_TOKENS =
      List.of("<s>", "</s>", "<|im_start|>", "<|im_end|>");

  /** The threshold of the model card, and the corpus it was for. */
  private static final double CARD_COUNT = 6_000;

  private static final double CARD_BYTES = 100e9;

  /** Where new merges come from. */
  public enum MergeSource {
    /** Training goes on from what the base tokenizer makes of each word. */
    CONTINUED,
    /** A tokenizer trained from bytes, its Korean tokens made reachable over the base's merges. */
    INDEPENDENT
  }

  /**
   * Checks every setting.
   *
   * @throws IllegalArgumentException names the setting, what was found and what is needed
   */
  public ExpansionConfig {
    specialTokens = List.copyOf(specialTokens);
    check("intermediate_vocab_size", intermediateVocabSize, 1, 900_000);
    check("min_count", minCount.orElse(1), 1, Long.MAX_VALUE);
    check("min_char_count", minCharCount.orElse(1), 0, Long.MAX_VALUE);
    check(
        "max_added_tokens",
        maxAddedTokens.orElse(specialTokens.size()),
        specialTokens.size(),
        900_000);
    check("first_new_id", firstNewId.orElse(0), 0, 900_000);
    check("pad_to_multiple_of", padToMultipleOf, 1, 1 << 16);
    check("max_rounds", maxRounds, 1, 10_000);
    check("training_bytes", trainingBytes, 1, 1 << 30);
    check("threads", threads, 1, 4096);
  }

  private static void check(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name
              + ": "
              + value
              + ", needed "
              + least
              + (most == Long.MAX_VALUE ? " or more" : " to " + most));
    }
  }

  /**
   * The model card's settings: 40,000 intermediate tokens, no limit, EEVE's special tokens.
   *
   * @return on all processors
   */
  public static ExpansionConfig defaults() {
    return new ExpansionConfig(
        40_000,
        OptionalLong.empty(),
        OptionalLong.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        64,
        MergeSource.CONTINUED,
        EEVE_SPECIAL_TOKENS,
        false,
        64,
        32 << 20,
        Runtime.getRuntime().availableProcessors());
  }

  /** The threshold for a corpus of that size, where none is given. */
  static long defaultCount(long corpusBytes) {
    return Math.max(2, (long) Math.ceil(CARD_COUNT * corpusBytes / CARD_BYTES));
  }

  /**
   * These settings with another intermediateVocabSize.
   *
   * @param value the number of merges or tokens
   * @return a copy
   */
  public ExpansionConfig withIntermediateVocabSize(int value) {
    return new ExpansionConfig(
        value,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another minCount.
   *
   * @param value an absolute count
   * @return a copy
   */
  public ExpansionConfig withMinCount(long value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        OptionalLong.of(value),
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another minCharCount.
   *
   * @param value an absolute count
   * @return a copy
   */
  public ExpansionConfig withMinCharCount(long value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        OptionalLong.of(value),
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another maxAddedTokens.
   *
   * @param value the most new ids
   * @return a copy
   */
  public ExpansionConfig withMaxAddedTokens(int value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        OptionalInt.of(value),
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another firstNewId.
   *
   * @param value the first new id
   * @return a copy
   */
  public ExpansionConfig withFirstNewId(int value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        OptionalInt.of(value),
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another padToMultipleOf.
   *
   * @param value the multiple
   * @return a copy
   */
  public ExpansionConfig withPadToMultipleOf(int value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        value,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another merges.
   *
   * @param value their source
   * @return a copy
   */
  public ExpansionConfig withMerges(MergeSource value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        value,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another specialTokens.
   *
   * @param value the tokens; may be empty
   * @return a copy
   */
  public ExpansionConfig withSpecialTokens(List<String> value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        value,
        skipBadLines,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another skipBadLines.
   *
   * @param value whether to skip them
   * @return a copy
   */
  public ExpansionConfig withSkipBadLines(boolean value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        value,
        maxRounds,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another maxRounds.
   *
   * @param value the bound
   * @return a copy
   */
  public ExpansionConfig withMaxRounds(int value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        value,
        trainingBytes,
        threads);
  }

  /**
   * These settings with another trainingBytes.
   *
   * @param value bytes of distinct words
   * @return a copy
   */
  public ExpansionConfig withTrainingBytes(int value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        value,
        threads);
  }

  /**
   * These settings with another threads.
   *
   * @param value how many
   * @return a copy
   */
  public ExpansionConfig withThreads(int value) {
    return new ExpansionConfig(
        intermediateVocabSize,
        minCount,
        minCharCount,
        maxAddedTokens,
        firstNewId,
        padToMultipleOf,
        merges,
        specialTokens,
        skipBadLines,
        maxRounds,
        trainingBytes,
        value);
  }
}
