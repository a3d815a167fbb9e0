package dev.eeve.vocabulary;

import dev.eeve.tokenizer.ByteLevel;
import dev.eeve.tokenizer.ByteMerger;
import dev.eeve.tokenizer.Merge;
import dev.eeve.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The base tokenizer's merges and, ranked after them, those of the new tokens, one each.
 *
 * <p>Every new token stays reachable: a merge is appended where all merges before it have come to
 * an end, and only one that nothing kept is built on is taken out; the merges that make a token of
 * its bytes are then always those of the tokens it is built on.
 */
final class TargetVocabulary {
  private static final int NONE = Integer.MAX_VALUE;

  private final int firstNew;
  private final int[] byteIds = new int[256];
  private final List<Merge> baseMerges;
  private final List<byte[]> baseBytes = new ArrayList<>();
  private final Set<String> baseSpellings = new HashSet<>();

  /** All there ever were, by id. */
  private final List<NewToken> all = new ArrayList<>();

  private final Map<String, NewToken> kept = new HashMap<>();
  private final Set<String> everDropped = new HashSet<>();

  /** Ranks and results by pair; null after a token was dropped. */
  private PairTable pairs;

  private int[] ranks = new int[1 << 16];
  private int[] results = new int[1 << 16];
  private int nextRank;

  TargetVocabulary(Tokenizer base) {
    firstNew = base.vocabularySize();
    baseMerges = base.merges();
    for (int id = 0; id < firstNew; id++) {
      baseBytes.add(base.isToken(id) ? base.bytes(id) : new byte[0]);
      if (base.isToken(id)) {
        baseSpellings.add(base.token(id));
      }
    }
    for (int b = 0; b < 256; b++) {
      String spelling = String.valueOf(ByteLevel.character(b));
      int value = b;
      byteIds[b] =
          base.id(spelling)
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "tokenizer: no token for byte %02X, needed all 256".formatted(value)));
    }
  }

  /** Ids from here are new. */
  int firstNew() {
    return firstNew;
  }

  /** One more than the highest id there ever was. */
  int size() {
    return firstNew + all.size();
  }

  /** The kept tokens in the order of their merges. */
  List<NewToken> kept() {
    return all.stream().filter(token -> !token.dropped).toList();
  }

  int keptCount() {
    return kept.size();
  }

  NewToken token(int id) {
    return all.get(id - firstNew);
  }

  byte[] bytes(int id) {
    return id < firstNew ? baseBytes.get(id) : token(id).bytes;
  }

  boolean wasDropped(byte[] bytes) {
    return everDropped.contains(ByteLevel.spell(bytes));
  }

  /** Whether a token, old or kept, has these bytes. */
  boolean has(byte[] bytes) {
    String spelling = ByteLevel.spell(bytes);
    return baseSpellings.contains(spelling) || kept.containsKey(spelling);
  }

  /** Appends the merge of a pair, whose result must be new. */
  NewToken append(int left, int right) {
    byte[] bytes = concat(bytes(left), bytes(right));
    boolean returned = everDropped.contains(ByteLevel.spell(bytes));
    NewToken token = new NewToken(size(), left, right, bytes, returned);
    all.add(token);
    kept.put(token.spelling, token);
    builtOn(token, 1);
    if (pairs != null) {
      enter(left, right, token.id);
    }
    return token;
  }

  private void builtOn(NewToken token, int change) {
    for (int part : new int[] {token.left, token.right}) {
      if (part >= firstNew) {
        token(part).builtOnIt += change;
      }
    }
  }

  /** Takes out a token that nothing is built on. */
  void drop(NewToken token) {
    if (token.builtOnIt > 0 || token.dropped) {
      throw new IllegalStateException(token.spelling + ": dropped, but tokens are built on it");
    }
    token.dropped = true;
    kept.remove(token.spelling);
    everDropped.add(token.spelling);
    builtOn(token, -1);
    pairs = null;
  }

  /** All merges, those of the base first. */
  List<Merge> merges() {
    List<Merge> merges = new ArrayList<>(baseMerges);
    for (NewToken token : kept()) {
      merges.add(new Merge(token.left, token.right, token.id));
    }
    return merges;
  }

  ByteMerger merger() {
    return new ByteMerger(byteIds, merges());
  }

  ByteMerger baseMerger() {
    return new ByteMerger(byteIds, baseMerges);
  }

  private void enter(int left, int right, int result) {
    int number = pairs.add(PairTable.pair(left, right));
    if (number == ranks.length) {
      ranks = Arrays.copyOf(ranks, number * 2);
      results = Arrays.copyOf(results, number * 2);
    }
    ranks[number] = nextRank++; // of equal pairs the last one counts
    results[number] = result;
  }

  /** The ids of a word's bytes, by the merges as they are now. */
  int[] encode(byte[] word) {
    if (pairs == null) {
      pairs = new PairTable();
      nextRank = 0;
      merges().forEach(merge -> enter(merge.left(), merge.right(), merge.result()));
    }
    int[] ids = new int[word.length];
    for (int i = 0; i < word.length; i++) {
      ids[i] = byteIds[word[i] & 0xFF];
    }
    int count = ids.length;
    while (count > 1) {
      int best = NONE;
      int at = -1;
      int result = -1;
      for (int i = 0; i + 1 < count; i++) {
        int number = pairs.find(PairTable.pair(ids[i], ids[i + 1]));
        if (number >= 0 && ranks[number] < best) {
          best = ranks[number];
          at = i;
          result = results[number];
        }
      }
      if (at < 0) {
        break;
      }
      ids[at] = result;
      System.arraycopy(ids, at + 2, ids, at + 1, count - at - 2);
      count--;
    }
    return Arrays.copyOf(ids, count);
  }

  /**
   * Appends merges until a word is one token, characters first. Only results that are Korean and
   * new are made; where none is left to make, what was appended is taken out again.
   *
   * @return the tokens appended, the word's own last; empty if it cannot be made
   */
  List<NewToken> makeReachable(byte[] word) {
    List<NewToken> appended = new ArrayList<>();
    int[] ids = encode(word);
    while (ids.length > 1) {
      int at = place(ids);
      if (at < 0) {
        appended.reversed().forEach(this::undo);
        return List.of();
      }
      appended.add(append(ids[at], ids[at + 1]));
      ids = encode(word);
    }
    return appended;
  }

  private void undo(NewToken token) {
    boolean before = everDropped.contains(token.spelling);
    drop(token);
    if (!before) {
      everDropped.remove(token.spelling);
    }
  }

  /** The first pair to merge: inside a character if there is one; -1 if none may be. */
  private int place(int[] ids) {
    int between = -1;
    for (int i = 0; i + 1 < ids.length; i++) {
      byte[] right = bytes(ids[i + 1]);
      byte[] result = concat(bytes(ids[i]), right);
      if (!KoreanText.isKorean(result) || has(result)) {
        continue;
      }
      if ((right[0] & 0xC0) == 0x80) {
        return i;
      }
      between = between < 0 ? i : between;
    }
    return between;
  }

  static byte[] concat(byte[] left, byte[] right) {
    byte[] both = Arrays.copyOf(left, left.length + right.length);
    System.arraycopy(right, 0, both, left.length, right.length);
    return both;
  }
}
