package dev.eeve.vocabulary;

import dev.eeve.tokenizer.ByteLevel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The account of an expansion: what went in, what each round did, what came out.
 *
 * @param config the settings
 * @param corpus what was counted and what was held out
 * @param minCount the threshold of tokens that was used
 * @param minCharCount the threshold of characters that was used
 * @param firstNewId number_of_old_tokens
 * @param vocabSize rows of the new matrices
 * @param baseVocabSize rows of the old ones
 * @param training how the candidates came about
 * @param rounds the refinement loop, round by round
 * @param fixpoint whether the last round changed nothing
 * @param unreachableCharacters frequent characters that no admitted merges can make; {@link
 *     KoreanText} says which those are
 * @param tokens new tokens by id, special ones apart
 * @param specialTokens ids of the special tokens by content
 * @param heldOut figures on text that was not counted
 * @param examples held-out documents as both tokenizers cut them
 */
public record ExpansionReport(
    ExpansionConfig config,
    CorpusTotals corpus,
    long minCount,
    long minCharCount,
    int firstNewId,
    int vocabSize,
    int baseVocabSize,
    Training training,
    List<Round> rounds,
    boolean fixpoint,
    List<Change> unreachableCharacters,
    List<Token> tokens,
    Map<String, Integer> specialTokens,
    HeldOutFigures heldOut,
    List<Example> examples) {
  /** Keeps its own lists. */
  public ExpansionReport {
    rounds = List.copyOf(rounds);
    unreachableCharacters = List.copyOf(unreachableCharacters);
    tokens = List.copyOf(tokens);
    specialTokens = Collections.unmodifiableMap(new LinkedHashMap<>(specialTokens));
    examples = List.copyOf(examples);
  }

  /**
   * How candidates came about.
   *
   * @param words distinct words that merges were learnt from
   * @param wordBytes their bytes
   * @param leastCount the least count of such a word; 1 where none was left out
   * @param merges merges learnt; independent: Korean tokens of the intermediate tokenizer that the
   *     base lacks
   * @param refusedRepeats pairs refused since their result was a token already
   * @param repaired independent: tokens that the intermediate's own merge would not have reached
   * @param unreachable independent: tokens dropped since no admitted merges make them
   */
  public record Training(
      int words,
      long wordBytes,
      long leastCount,
      int merges,
      long refusedRepeats,
      int repaired,
      int unreachable) {}

  /**
   * A token that was dropped or added.
   *
   * @param token as tokenizer.json spells it
   * @param text its text, parts of characters in hexadecimal
   * @param count how often it, or the character, was seen
   */
  public record Change(String token, String text, long count) {
    static Change of(byte[] bytes, long count) {
      return new Change(ByteLevel.spell(bytes), show(bytes), count);
    }
  }

  /**
   * A round of the loop.
   *
   * @param round its number, from 1
   * @param candidates new tokens it began with
   * @param corpusTokens tokens of the whole corpus with them
   * @param tokensPerSyllable those, by Hangul syllables
   * @param dropped new tokens that went
   * @param added characters that came, not counting their merge steps
   * @param kept new tokens it ended with, merge steps included
   */
  public record Round(
      int round,
      int candidates,
      long corpusTokens,
      double tokensPerSyllable,
      List<Change> dropped,
      List<Change> added,
      int kept) {
    /** Keeps its own lists. */
    public Round {
      dropped = List.copyOf(dropped);
      added = List.copyOf(added);
    }
  }

  /**
   * A new token.
   *
   * @param id its id
   * @param token as tokenizer.json spells it
   * @param text its text, parts of characters in hexadecimal
   * @param count how often the corpus has it
   * @param part whether it is part of a character, or holds one
   * @param step whether it is rarer than the threshold and stays as a merge step
   * @param builtOnIt ids of the tokens whose merge it is part of
   */
  public record Token(
      int id,
      String token,
      String text,
      long count,
      boolean part,
      boolean step,
      List<Integer> builtOnIt) {
    /** Keeps its own list. */
    public Token {
      builtOnIt = List.copyOf(builtOnIt);
    }
  }

  /**
   * What the expansion saves on text it has not seen.
   *
   * @param documents held-out documents
   * @param bytes their UTF-8 bytes
   * @param eojeols runs of characters without white space
   * @param syllables Hangul syllables
   * @param tokensBefore tokens of the base tokenizer
   * @param tokensAfter tokens of the new one
   */
  public record HeldOutFigures(
      long documents,
      long bytes,
      long eojeols,
      long syllables,
      long tokensBefore,
      long tokensAfter) {}

  /**
   * A held-out document.
   *
   * @param text all of it
   * @param before its tokens by the base tokenizer, with bars between them
   * @param after its tokens by the new one
   */
  public record Example(String text, String before, String after) {}

  /** A token's text; bytes that are no whole character as {@code ‹EC 98›}. */
  static String show(byte[] bytes) {
    if (!NewToken.isPart(bytes)) {
      return new String(bytes, StandardCharsets.UTF_8);
    }
    StringBuilder shown = new StringBuilder();
    int at = 0;
    while (at < bytes.length) {
      int length = wholeCharacter(bytes, at);
      if (length > 0) {
        shown.append(new String(bytes, at, length, StandardCharsets.UTF_8));
        at += length;
      } else {
        shown.append("%s%02X›".formatted(shown.toString().endsWith("›") ? " " : "‹", bytes[at++]));
      }
    }
    return shown.toString().replace("› ", " ");
  }

  private static int wholeCharacter(byte[] bytes, int at) {
    int lead = bytes[at] & 0xFF;
    int length = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    boolean fits = length > 0 && at + length <= bytes.length;
    return fits && !NewToken.isPart(Arrays.copyOfRange(bytes, at, at + length)) ? length : 0;
  }

  /**
   * New tokens that are parts of characters.
   *
   * @return how many ids they cost
   */
  public long partTokens() {
    return tokens.stream().filter(Token::part).count();
  }

  /**
   * New tokens rarer than the threshold, kept as merge steps.
   *
   * @return how many ids they cost
   */
  public long stepTokens() {
    return tokens.stream().filter(Token::step).count();
  }

  /**
   * All new ids.
   *
   * @return tokens and special tokens
   */
  public int newIds() {
    return tokens.size()
        + (int) specialTokens.values().stream().filter(id -> id >= firstNewId).count();
  }

  /**
   * The account as {@code expansion.json} has it.
   *
   * @return in UTF-8
   */
  public byte[] toJson() {
    return ReportJson.of(this);
  }

  /**
   * The account on a page.
   *
   * @return lines that end in \n
   */
  public String summary() {
    return ReportText.of(this);
  }
}
