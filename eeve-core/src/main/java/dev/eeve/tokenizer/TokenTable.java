package dev.eeve.tokenizer;

import java.util.List;

/**
 * A tokenizer as plain lists, the form in which model files without a tokenizer.json carry it:
 * GPT-2 byte-level BPE with added tokens.
 *
 * @param tokens the token of each id: bytes in GPT-2's alphabet where NORMAL, else the text itself
 * @param kinds what each one is
 * @param merges two tokens with one space between them, lowest rank first
 * @param before ids set before a text
 * @param after ids set after a text
 */
public record TokenTable(
    List<String> tokens,
    List<Kind> kinds,
    List<String> merges,
    List<Integer> before,
    List<Integer> after) {
  /** What a token is. */
  public enum Kind {
    /** A token of the BPE model. */
    NORMAL,
    /** Found in the text before it is split. */
    ADDED,
    /** As added; decoding may leave it out. */
    SPECIAL,
    /** No token: a row of padding. */
    UNUSED
  }

  /** Keeps copies; as many kinds as tokens. */
  public TokenTable {
    tokens = List.copyOf(tokens);
    kinds = List.copyOf(kinds);
    merges = List.copyOf(merges);
    before = List.copyOf(before);
    after = List.copyOf(after);
    if (tokens.size() != kinds.size()) {
      throw new IllegalArgumentException(
          "kinds: " + kinds.size() + ", needed one for each of " + tokens.size() + " tokens");
    }
  }
}
