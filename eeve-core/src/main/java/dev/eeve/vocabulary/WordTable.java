package dev.eeve.vocabulary;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Counts of words, each a run of bytes, up to a size; read in the order of their bytes. */
final class WordTable {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long ENTRY_BYTES = 2 * Long.BYTES;

  private final int maxBytes;

  /** Words one after the other; the last eight bytes are never used, so that reads may run over. */
  private byte[] bytes = new byte[1 << 16];

  /** Of each word where it starts and its count, side by side: one cache line for both. */
  private long[] entries = new long[1 << 13];

  /** A word's hash, high, and its number + 1, low; 0 where free. At most half full. */
  private long[] slots = new long[1 << 13];

  private int size;

  /**
   * An empty table.
   *
   * @param maxBytes the most its words and their entries take; with room to grow and the slots the
   *     table takes some three times as much
   */
  WordTable(int maxBytes) {
    this.maxBytes = maxBytes;
  }

  int size() {
    return size;
  }

  /** Whether a word of that length fits. */
  boolean hasRoom(int length) {
    return entries[2 * size] + length + size * ENTRY_BYTES <= maxBytes;
  }

  /**
   * Counts a word.
   *
   * @param word holds it from its start, and eight bytes more
   * @param length its length
   * @param count added to its count
   */
  void add(byte[] word, int length, long count) {
    int hash = hash(word, length);
    int mask = slots.length - 1;
    int slot = hash & mask;
    while (slots[slot] != 0) {
      int number = (int) slots[slot] - 1;
      if ((int) (slots[slot] >>> Integer.SIZE) == hash && isWord(number, word, length)) {
        entries[2 * number + 1] += count;
        return;
      }
      slot = slot + 1 & mask;
    }
    int start = start(size);
    if (start + length + Long.BYTES > bytes.length) {
      long wanted = Math.max(start + (long) length + Long.BYTES, bytes.length * 2L);
      bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 64, wanted));
    }
    System.arraycopy(word, 0, bytes, start, length);
    entries[2 * size + 1] = count;
    slots[slot] = (long) hash << Integer.SIZE | ++size;
    if (2 * size + 2 > entries.length) {
      entries = Arrays.copyOf(entries, entries.length * 2);
    }
    entries[2 * size] = start + (long) length;
    if (size * 2 > slots.length) {
      grow();
    }
  }

  private boolean isWord(int number, byte[] word, int length) {
    int start = start(number);
    int end = end(number);
    return end - start == length && Arrays.equals(bytes, start, end, word, 0, length);
  }

  private void grow() {
    long[] old = slots;
    slots = new long[old.length * 2];
    int mask = slots.length - 1;
    for (long entry : old) {
      if (entry != 0) {
        int slot = (int) (entry >>> Integer.SIZE) & mask;
        while (slots[slot] != 0) {
          slot = slot + 1 & mask;
        }
        slots[slot] = entry;
      }
    }
  }

  private static int hash(byte[] word, int length) {
    long h = length;
    int i = 0;
    for (; i + Long.BYTES <= length; i += Long.BYTES) {
      h = (h ^ (long) LONG.get(word, i)) * 0x9E3779B97F4A7C15L;
      h ^= h >>> 29;
    }
    if (i < length) {
      long rest = (long) LONG.get(word, i) << (Long.BYTES - (length - i)) * Byte.SIZE;
      h = (h ^ rest) * 0xBF58476D1CE4E5B9L;
    }
    return (int) (h ^ h >>> 32);
  }

  /** The numbers of all words in the order of their bytes, unsigned. */
  int[] sorted() {
    int[] order = new int[size];
    Arrays.setAll(order, i -> i);
    sort(order, 0, size, 0);
    return order;
  }

  /**
   * Three-way radix quicksort: {@code order[from, to)} agree in their first {@code depth} bytes.
   */
  private void sort(int[] order, int from, int to, int depth) {
    int low = from;
    int high = to;
    int at = depth;
    while (high - low > 1) {
      int pivot = byteAt(order[low + high >>> 1], at);
      int less = low;
      int more = high;
      for (int i = low; i < more; ) {
        int value = byteAt(order[i], at);
        if (value < pivot) {
          swap(order, less++, i++);
        } else if (value > pivot) {
          swap(order, i, --more);
        } else {
          i++;
        }
      }
      sort(order, low, less, at);
      sort(order, more, high, at);
      if (pivot < 0) {
        return; // words that end here are equal, and no two are
      }
      low = less;
      high = more;
      at++;
    }
  }

  private static void swap(int[] order, int a, int b) {
    int kept = order[a];
    order[a] = order[b];
    order[b] = kept;
  }

  /** A byte of a word, -1 past its end. */
  private int byteAt(int number, int depth) {
    int at = start(number) + depth;
    return at < end(number) ? bytes[at] & 0xFF : -1;
  }

  byte[] bytes() {
    return bytes;
  }

  int start(int number) {
    return (int) entries[2 * number];
  }

  int end(int number) {
    return (int) entries[2 * number + 2];
  }

  long count(int number) {
    return entries[2 * number + 1];
  }

  /** Forgets all words, keeps the memory. */
  void clear() {
    size = 0;
    Arrays.fill(slots, 0);
  }
}
