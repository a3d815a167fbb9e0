package dev.eeve.tokenizer;

import java.util.List;
import java.util.Map;

/**
 * Words to ids: the UTF-8 bytes of a word, then the merges in order of rank, leftmost first.
 *
 * <p>Ids are those of Hugging Face's {@code BPE} model.
 */
final class BytePairEncoding {
  /** Up to here repeated scans of the whole word are faster than a heap. */
  static final int MAX_SCANNED = 64;

  private final int[] byteIds;
  private final MergeTable merges;
  private final Unknown unknown;

  /** Whole words with an id of their own, by spelling; empty unless merges may be ignored. */
  private final Map<String, Integer> wholeWords;

  /**
   * What stands for bytes that the vocabulary lacks.
   *
   * @param id its id; negative: such bytes vanish
   * @param fused whether a run of such bytes gets one id
   */
  record Unknown(int id, boolean fused) {}

  /** Where words fall into independent pieces; null if only whole words will do. */
  private final Joints joints;

  private final HangulRuns hangul;
  private final SmallPieces characters = new SmallPieces();
  private final WordCache cache = new WordCache();

  /**
   * Prepares the model.
   *
   * @param byteIds id of each byte, -1 where the vocabulary lacks it
   * @param merges lowest rank first
   * @param unknown what stands for missing bytes
   * @param wholeWords ids of words that are not to be merged, by spelling
   * @param joints null if bytes are missing or there are whole words
   */
  BytePairEncoding(
      int[] byteIds,
      List<Merge> merges,
      Unknown unknown,
      Map<String, Integer> wholeWords,
      Joints joints) {
    this.byteIds = byteIds;
    this.merges = new MergeTable(merges);
    this.unknown = unknown;
    this.wholeWords = wholeWords;
    this.joints = joints;
    boolean free = joints != null && !joints.joinHangul();
    hangul = free ? new HangulRuns(joints, byteIds[' ']) : null;
  }

  /**
   * Prepares the model of a vocabulary.
   *
   * @param ids ids by token, in GPT-2's byte alphabet
   * @param merges lowest rank first
   * @param unknown what stands for missing bytes
   * @param ignoreMerges whether a word that is a token is not merged
   */
  static BytePairEncoding of(
      Map<String, Integer> ids, List<Merge> merges, Unknown unknown, boolean ignoreMerges) {
    int[] byteIds = new int[256];
    for (int b = 0; b < 256; b++) {
      byteIds[b] = ids.getOrDefault(String.valueOf(ByteLevel.character(b)), -1);
    }
    Map<String, Integer> wholeWords = ignoreMerges ? ids : Map.of();
    Joints joints = null;
    if (hasAllBytes(ids) && wholeWords.isEmpty()) {
      String[] tokens = new String[ids.values().stream().mapToInt(id -> id + 1).max().orElse(0)];
      ids.forEach((token, id) -> tokens[id] = token);
      joints = new Joints(merges, tokens);
    }
    return new BytePairEncoding(byteIds, merges, unknown, wholeWords, joints);
  }

  /** Whether each of the 256 bytes has a token. */
  static boolean hasAllBytes(Map<String, Integer> ids) {
    for (int b = 0; b < 256; b++) {
      if (!ids.containsKey(String.valueOf(ByteLevel.character(b)))) {
        return false;
      }
    }
    return true;
  }

  /** Whether words that are tokens are not merged. */
  boolean ignoresMerges() {
    return !wholeWords.isEmpty();
  }

  /** Appends the ids of a text that {@link PreTokenizer#wordEnd} splits. */
  void encodeWords(char[] text, int from, int to, Workspace work) {
    int at = from;
    while (at < to) {
      if (hangul != null) {
        at = hangul.encode(text, at, to, this, work);
      }
      if (at < to) {
        int end = PreTokenizer.wordEnd(text, at, to);
        encode(text, at, end, work);
        at = end;
      }
    }
  }

  /** Appends the ids of the word {@code text[from, to)}, which holds no half pairs. */
  void encode(char[] text, int from, int to, Workspace work) {
    if (joints == null) {
      encodeCached(text, from, to, work);
      return;
    }
    int at = from;
    while (at < to) {
      int end = joints.pieceEnd(text, at, to);
      if (end - at == 1) {
        encodeCharacter(text, at, work);
      } else {
        encodeCached(text, at, end, work);
      }
      at = end;
    }
  }

  private void encodeCharacter(char[] text, int at, Workspace work) {
    work.reserve(SmallPieces.MAX_IDS);
    if (!characters.find(text[at], work)) {
      int start = work.count;
      encodePlain(text, at, at + 1, work);
      characters.add(text[at], work.ids, start, work.count);
    }
  }

  private void encodeCached(char[] text, int from, int to, Workspace work) {
    if (to - from > WordCache.MAX_LENGTH) {
      encodePlain(text, from, to, work);
      return;
    }
    int hash = WordCache.hash(text, from, to);
    if (!cache.find(text, from, to, hash, work)) {
      int start = work.count;
      encodePlain(text, from, to, work);
      cache.add(text, from, to, hash, work.ids, start, work.count);
    }
  }

  /** Appends the ids of a piece, always worked out anew. */
  void encodePlain(char[] text, int from, int to, Workspace work) {
    int bytes = utf8(text, from, to, work);
    int[] symbols = work.symbols;
    if (!wholeWords.isEmpty()) {
      Integer whole = wholeWords.get(spelling(symbols, bytes));
      if (whole != null) {
        work.add(whole);
        return;
      }
    }
    int count = symbols(symbols, bytes);
    count =
        count <= MAX_SCANNED
            ? merge(merges, symbols, work.ranks, count)
            : LongWord.merge(merges, symbols, count);
    work.reserve(count);
    System.arraycopy(symbols, 0, work.ids, work.count, count);
    work.count += count;
  }

  /** Writes the word's UTF-8 to {@code work.symbols}, a byte each. */
  private static int utf8(char[] text, int from, int to, Workspace work) {
    work.reserveSymbols(Math.multiplyExact(to - from, 3));
    int[] out = work.symbols;
    int n = 0;
    for (int i = from; i < to; i++) {
      int c = text[i];
      if (c < 0x80) {
        out[n++] = c;
        continue;
      }
      if (c < 0x800) {
        out[n++] = 0xC0 | c >> 6;
      } else if (Character.isHighSurrogate((char) c)) {
        c = Character.toCodePoint((char) c, text[++i]);
        out[n++] = 0xF0 | c >> 18;
        out[n++] = 0x80 | c >> 12 & 0x3F;
        out[n++] = 0x80 | c >> 6 & 0x3F;
      } else {
        out[n++] = 0xE0 | c >> 12;
        out[n++] = 0x80 | c >> 6 & 0x3F;
      }
      out[n++] = 0x80 | c & 0x3F;
    }
    return n;
  }

  private static String spelling(int[] bytes, int count) {
    char[] spelled = new char[count];
    for (int i = 0; i < count; i++) {
      spelled[i] = ByteLevel.character(bytes[i]);
    }
    return new String(spelled);
  }

  /** Turns bytes into ids in place; returns how many. */
  private int symbols(int[] symbols, int bytes) {
    int n = 0;
    boolean afterUnknown = false;
    for (int i = 0; i < bytes; i++) {
      int id = byteIds[symbols[i]];
      boolean missing = id < 0;
      if (!missing) {
        symbols[n++] = id;
      } else if (unknown.id() >= 0 && !(afterUnknown && unknown.fused())) {
        symbols[n++] = unknown.id();
      }
      afterUnknown = missing;
    }
    return n;
  }

  /** Merges {@code symbols[0, count)}, at most {@link #MAX_SCANNED}; returns how many are left. */
  static int merge(MergeTable merges, int[] symbols, int[] ranks, int count) {
    int n = count;
    for (int i = 0; i + 1 < n; i++) {
      ranks[i] = merges.rank(symbols[i], symbols[i + 1]);
    }
    while (n > 1) {
      int at = 0;
      for (int i = 1; i < n - 1; i++) {
        at = ranks[i] < ranks[at] ? i : at;
      }
      if (ranks[at] == MergeTable.NONE) {
        break;
      }
      symbols[at] = merges.result(ranks[at]);
      n--;
      System.arraycopy(symbols, at + 2, symbols, at + 1, n - at - 1);
      if (at + 1 < n) {
        System.arraycopy(ranks, at + 2, ranks, at + 1, n - at - 2);
        ranks[at] = merges.rank(symbols[at], symbols[at + 1]);
      }
      if (at > 0) {
        ranks[at - 1] = merges.rank(symbols[at - 1], symbols[at]);
      }
    }
    return n;
  }
}
