package dev.eeve.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * Merges on the raw bytes of one word, for words that are no text by themselves: parts of
 * characters, and vocabularies in the making. Immutable.
 */
public final class ByteMerger {
  private final int[] byteIds;
  private final MergeTable merges;

  /**
   * Prepares the merges.
   *
   * @param byteIds id of each of the 256 bytes
   * @param merges lowest rank first
   * @throws IllegalArgumentException if there are not 256 ids
   */
  public ByteMerger(int[] byteIds, List<Merge> merges) {
    if (byteIds.length != 256) {
      throw new IllegalArgumentException("byteIds: " + byteIds.length + ", needed 256");
    }
    this.byteIds = byteIds.clone();
    this.merges = new MergeTable(merges);
  }

  /** Scratch memory of one thread. */
  public static final class Scratch {
    private final int[] ranks = new int[BytePairEncoding.MAX_SCANNED];

    /** Takes 256 bytes. */
    public Scratch() {}
  }

  /**
   * Merges a word.
   *
   * @param word holds it
   * @param from its first byte
   * @param to the end of it
   * @param ids overwritten; room for an id a byte
   * @param scratch of the calling thread
   * @return how many ids there are
   */
  public int apply(byte[] word, int from, int to, int[] ids, Scratch scratch) {
    int count = to - from;
    for (int i = 0; i < count; i++) {
      ids[i] = byteIds[word[from + i] & 0xFF];
    }
    return count <= BytePairEncoding.MAX_SCANNED
        ? BytePairEncoding.merge(merges, ids, scratch.ranks, count)
        : LongWord.merge(merges, ids, count);
  }

  /**
   * Merges a word.
   *
   * @param word all of it
   * @return its ids
   */
  public int[] apply(byte[] word) {
    int[] ids = new int[word.length];
    return Arrays.copyOf(ids, apply(word, 0, word.length, ids, new Scratch()));
  }
}
