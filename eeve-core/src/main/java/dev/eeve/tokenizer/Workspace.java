package dev.eeve.tokenizer;

import java.util.Arrays;

/** Scratch memory of one encoding at a time, kept between calls: text in, ids out. */
final class Workspace {
  /** Texts longer than this (in UTF-16 units) leave nothing behind: 64 KiB of text, some 1 MB. */
  private static final int MAX_KEPT = 1 << 15;

  /** A surrogate without its partner is encoded as this. */
  private static final char REPLACEMENT = '\uFFFD';

  /** The text begins here: room for a prefix space. */
  static final int TEXT_START = 1;

  char[] text = new char[512];
  int textEnd;

  int[] ids = new int[1024];
  int count;

  /** Symbols of the word in work. */
  int[] symbols = new int[512];

  /** Rank of the merge of each symbol of a short word with its right neighbour. */
  final int[] ranks = new int[BytePairEncoding.MAX_SCANNED];

  /** Takes in a text and mends it. */
  void load(String source) {
    int length = source.length();
    if (text.length < length + TEXT_START) {
      text = new char[Math.max(length + TEXT_START, text.length * 2)];
    }
    source.getChars(0, length, text, TEXT_START);
    textEnd = TEXT_START + length;
    count = 0;
    for (int i = TEXT_START; i < textEnd; i++) {
      if ((text[i] & 0xF800) == 0xD800) {
        i = mend(i);
      }
    }
  }

  private int mend(int at) {
    if (Character.isHighSurrogate(text[at])
        && at + 1 < textEnd
        && Character.isLowSurrogate(text[at + 1])) {
      return at + 1;
    }
    text[at] = REPLACEMENT;
    return at;
  }

  void add(int id) {
    reserve(1);
    ids[count++] = id;
  }

  void addAll(int[] more) {
    reserve(more.length);
    System.arraycopy(more, 0, ids, count, more.length);
    count += more.length;
  }

  /** Makes room for so many more ids. */
  void reserve(int more) {
    if (ids.length - count < more) {
      long wanted = ((long) count + more) * 3 / 2;
      ids = Arrays.copyOf(ids, (int) Math.min(Integer.MAX_VALUE - 8, wanted));
    }
  }

  /** Makes room for the symbols of a word of so many bytes. */
  void reserveSymbols(int bytes) {
    if (symbols.length < bytes) {
      symbols = new int[Math.max(bytes, symbols.length * 2)];
    }
  }

  /** Whether it is small enough to be kept for the next call. */
  boolean worthKeeping() {
    return text.length <= MAX_KEPT * 2
        && ids.length <= MAX_KEPT * 4
        && symbols.length <= MAX_KEPT * 4;
  }
}
