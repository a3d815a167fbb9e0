package dev.eeve.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Finds added tokens in text: the first stage, on the text itself.
 *
 * <p>Two passes, as in Hugging Face's library: first the tokens that are not {@code normalized},
 * then, in what lies between, those that are. Each pass takes the leftmost match and of those the
 * longest. Time is linear in the text, with the longest added token as the worst factor.
 */
final class AddedTokens {
  /** What the text falls into, in order. */
  interface Sink {
    /** Text that holds no added token; may be called with {@code from == to} never. */
    void text(int from, int to);

    /** An added token. */
    void added(int id);
  }

  private final List<TokenTrie> passes = new ArrayList<>();
  private final AddedToken[] byId;

  /** Tokens of both passes, to see at once that a text has none. */
  private final TokenTrie all;

  /**
   * Prepares the search.
   *
   * @param byId flags by id, null for ids that are not added tokens
   * @param plain tokens of the first pass
   * @param normalized tokens of the second pass
   */
  AddedTokens(AddedToken[] byId, List<AddedToken> plain, List<AddedToken> normalized) {
    this.byId = byId;
    all = new TokenTrie(Stream.concat(plain.stream(), normalized.stream()).toList());
    for (List<AddedToken> tokens : List.of(plain, normalized)) {
      if (!tokens.isEmpty()) {
        passes.add(new TokenTrie(tokens));
      }
    }
  }

  /** Cuts {@code text[from, to)}, which holds no half pairs, and hands it on in order. */
  void split(char[] text, int from, int to, Sink sink) {
    boolean none = all.next(text, from, to) == to;
    split(none ? passes.size() : 0, text, from, to, sink);
  }

  private void split(int pass, char[] text, int from, int to, Sink sink) {
    if (from >= to) {
      return;
    }
    if (pass == passes.size()) {
      sink.text(from, to);
      return;
    }
    TokenTrie trie = passes.get(pass);
    int done = from; // all before it has been handed on
    int spacesEnd = from; // white space reaches from the last stripped match to here
    int at = trie.next(text, from, to);
    while (at < to) {
      long match = trie.longest(text, at, to);
      if (match < 0) {
        at = trie.next(text, at + 1, to);
        continue;
      }
      int start = at;
      int end = TokenTrie.end(match);
      at = trie.next(text, end, to);
      AddedToken token = byId[TokenTrie.id(match)];
      if (token.singleWord() && touchesWord(text, from, start, end, to)) {
        continue;
      }
      if (token.lstrip()) {
        start = Math.max(spacesStart(text, Math.min(done, start), start), done);
      }
      if (token.rstrip()) {
        spacesEnd = CharacterClass.runEnd(text, Math.max(end, spacesEnd), to, CharacterClass.SPACE);
        end = spacesEnd;
      }
      split(pass + 1, text, done, start, sink);
      sink.added(token.id());
      done = end; // may step back: a match inside white space that was stripped
    }
    split(pass + 1, text, done, to, sink);
  }

  private static int spacesStart(char[] text, int from, int to) {
    int i = to;
    while (i > from && CharacterClass.isSpace(text[i - 1])) {
      i--;
    }
    return i;
  }

  private static boolean touchesWord(char[] text, int from, int start, int end, int to) {
    return start > from && CharacterClass.isWord(Character.codePointBefore(text, start, from))
        || end < to && CharacterClass.isWord(Character.codePointAt(text, end, to));
  }
}
