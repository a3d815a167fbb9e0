package dev.eeve.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * The merges by their pair: one {@code long} a slot, so that a look-up is one load.
 *
 * <p>A slot holds left id (20 bits), right id (20 bits), rank (24 bits); open addressing, at most
 * half full.
 */
final class MergeTable {
  /** Ids are below this: 20 bits, ten times the largest vocabularies there are. */
  static final int MAX_IDS = 1 << 20;

  /** Ranks are below this; the last value marks an empty slot. */
  static final int MAX_MERGES = (1 << 24) - 1;

  /** No merge for a pair: greater than every rank. */
  static final int NONE = Integer.MAX_VALUE;

  private static final long EMPTY = -1;

  private final long[] slots;
  private final int mask;
  private final int[] results;

  /** The rank is the place in the list; of equal pairs the last one counts, as in the original. */
  MergeTable(List<Merge> merges) {
    int size = 16;
    while (size < merges.size() * 2) {
      size *= 2;
    }
    slots = new long[size];
    Arrays.fill(slots, EMPTY);
    mask = size - 1;
    results = new int[merges.size()];
    for (int rank = 0; rank < results.length; rank++) {
      Merge merge = merges.get(rank);
      long pair = (long) merge.left() << 20 | merge.right();
      int slot = start(pair);
      while (slots[slot] != EMPTY && slots[slot] >>> 24 != pair) {
        slot = slot + 1 & mask;
      }
      slots[slot] = pair << 24 | rank;
      results[rank] = merge.result();
    }
  }

  /** The rank of the merge of two neighbours, or {@link #NONE}. */
  int rank(int left, int right) {
    long pair = (long) left << 20 | right;
    int slot = start(pair);
    while (true) {
      long found = slots[slot];
      if (found >>> 24 == pair) {
        return (int) found & 0xFFFFFF;
      }
      if (found == EMPTY) {
        return NONE;
      }
      slot = slot + 1 & mask;
    }
  }

  /** The id that the merge of that rank makes. */
  int result(int rank) {
    return results[rank];
  }

  private int start(long pair) {
    return (int) (pair * 0x9E3779B97F4A7C15L >>> 40) & mask;
  }
}
