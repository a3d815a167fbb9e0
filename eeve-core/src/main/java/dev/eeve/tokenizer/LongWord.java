package dev.eeve.tokenizer;

import java.util.Arrays;

/**
 * Merges of a word too long for repeated scans: a heap of candidates, lowest rank first and
 * leftmost among equals, over a linked list of symbols. O(n log n) in the word's bytes.
 */
final class LongWord {
  private final MergeTable merges;
  private final int[] symbols;
  private final int[] next;
  private final int[] previous;

  /** Rank of the candidate at a symbol; NONE once the symbol is gone: stale candidates differ. */
  private final int[] ranks;

  /** rank << 32 | place: the natural order is the order of merging. */
  private long[] heap;

  private int heapSize;

  private LongWord(MergeTable merges, int[] symbols, int count) {
    this.merges = merges;
    this.symbols = symbols;
    next = new int[count];
    previous = new int[count];
    ranks = new int[count];
    heap = new long[count];
  }

  /** Merges {@code symbols[0, count)} in place; returns how many are left. */
  static int merge(MergeTable merges, int[] symbols, int count) {
    return new LongWord(merges, symbols, count).run(count);
  }

  private int run(int count) {
    for (int i = 0; i < count; i++) {
      next[i] = i + 1 < count ? i + 1 : -1;
      previous[i] = i - 1;
      ranks[i] = i + 1 < count ? merges.rank(symbols[i], symbols[i + 1]) : MergeTable.NONE;
      if (ranks[i] != MergeTable.NONE) {
        heap[heapSize++] = (long) ranks[i] << 32 | i;
      }
    }
    for (int i = heapSize / 2 - 1; i >= 0; i--) {
      sink(i, heap[i]);
    }
    while (heapSize > 0) {
      long top = pop();
      int at = (int) top;
      if (ranks[at] == (int) (top >>> 32)) {
        mergeAt(at);
      }
    }
    int kept = 0;
    for (int i = 0; i >= 0; i = next[i]) {
      symbols[kept++] = symbols[i];
    }
    return kept;
  }

  private void mergeAt(int at) {
    int right = next[at];
    symbols[at] = merges.result(ranks[at]);
    ranks[right] = MergeTable.NONE;
    next[at] = next[right];
    if (next[at] >= 0) {
      previous[next[at]] = at;
    }
    consider(at);
    if (previous[at] >= 0) {
      consider(previous[at]);
    }
  }

  private void consider(int at) {
    int right = next[at];
    int rank = right < 0 ? MergeTable.NONE : merges.rank(symbols[at], symbols[right]);
    ranks[at] = rank;
    if (rank != MergeTable.NONE) {
      push((long) rank << 32 | at);
    }
  }

  private void push(long candidate) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, heapSize + (heapSize >> 1) + 16);
    }
    int i = heapSize++;
    while (i > 0 && heap[(i - 1) / 2] > candidate) {
      heap[i] = heap[(i - 1) / 2];
      i = (i - 1) / 2;
    }
    heap[i] = candidate;
  }

  private long pop() {
    long top = heap[0];
    long last = heap[--heapSize];
    if (heapSize > 0) {
      sink(0, last);
    }
    return top;
  }

  private void sink(int from, long candidate) {
    int i = from;
    while (2 * i + 1 < heapSize) {
      int child = 2 * i + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= candidate) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = candidate;
  }
}
