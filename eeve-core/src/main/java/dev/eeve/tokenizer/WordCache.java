package dev.eeve.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Remembers the ids of pieces of text, for all threads together.
 *
 * <p>Entries are added and never changed, so that readers need no lock: an entry is written, then
 * its place is published. When the table is full an empty one, twice as large up to the limit,
 * takes its place; the frequent pieces are soon back. At worst an old and a new one of the largest
 * size are alive together, which makes {@link #MAX_BYTES}. Whether a piece is found changes speed
 * only.
 */
final class WordCache {
  /** Most UTF-16 units of a piece that is remembered; longer ones rarely come twice. */
  static final int MAX_LENGTH = 48;

  /** Places looked at before a search gives up: bounds the work for pieces of equal hash. */
  private static final int MAX_PROBES = 16;

  private static final int MIN_UNITS = 1 << 14;
  private static final int MAX_UNITS = 5 << 20;

  /** Units of storage for each place in the index: an entry takes some 16, half the index. */
  private static final int UNITS_A_SLOT = 10;

  /** The limit of both tables together: 30 MiB. */
  static final long MAX_BYTES =
      2L * (MAX_UNITS * (long) Character.BYTES + indexSize(MAX_UNITS) * (long) Long.BYTES);

  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(long[].class);

  private volatile Table table = new Table(MIN_UNITS);
  private final AtomicBoolean writing = new AtomicBoolean();

  /**
   * One generation.
   *
   * <p>An entry is length, count, the piece, the ids with the low half first. A slot of the index
   * is hash << 32 | place of the entry + 1.
   */
  private static final class Table {
    final char[] units;
    final long[] index;
    int used;
    int entries;

    Table(int size) {
      units = new char[size];
      index = new long[indexSize(size)];
    }
  }

  /** Slots for so many units: a power of two. */
  private static int indexSize(int units) {
    return Integer.highestOneBit(units / UNITS_A_SLOT - 1) * 2;
  }

  /** The hash of a piece. */
  static int hash(char[] text, int from, int to) {
    int hash = 0;
    for (int i = from; i < to; i++) {
      hash = (hash ^ text[i]) * 0x9E3779B1;
    }
    return hash ^ hash >>> 15;
  }

  /** Appends the ids of {@code text[from, to)} if they are known. */
  boolean find(char[] text, int from, int to, int hash, Workspace work) {
    Table now = table;
    int mask = now.index.length - 1;
    int at = hash & mask;
    for (int probe = 0; probe < MAX_PROBES; probe++) {
      long slot = (long) SLOT.getAcquire(now.index, at);
      if (slot == 0) {
        return false;
      }
      if ((int) (slot >>> 32) == hash) {
        int entry = (int) slot - 1;
        if (matches(now.units, entry, text, from, to)) {
          copyIds(now.units, entry, work);
          return true;
        }
      }
      at = at + 1 & mask;
    }
    return false;
  }

  private static boolean matches(char[] units, int entry, char[] text, int from, int to) {
    int length = to - from;
    if (units[entry] != length) {
      return false;
    }
    for (int i = 0; i < length; i++) {
      if (units[entry + 2 + i] != text[from + i]) {
        return false;
      }
    }
    return true;
  }

  private static void copyIds(char[] units, int entry, Workspace work) {
    int count = units[entry + 1];
    int at = entry + 2 + units[entry];
    work.reserve(count);
    int[] ids = work.ids;
    int n = work.count;
    for (int i = 0; i < count; i++, at += 2) {
      ids[n + i] = units[at] | units[at + 1] << 16;
    }
    work.count = n + count;
  }

  /** Remembers ids; does nothing where another thread is just doing so. */
  void add(char[] text, int from, int to, int hash, int[] ids, int idsFrom, int idsTo) {
    if (writing.compareAndSet(false, true)) {
      try {
        int size = 2 + (to - from) + 2 * (idsTo - idsFrom);
        Table now = table;
        if (now.used + size > now.units.length || now.entries > now.index.length / 4 * 3) {
          now = new Table(Math.min(now.units.length * 4, MAX_UNITS));
          table = now;
        }
        int slot = freeSlot(now, hash);
        if (slot >= 0) {
          write(now, text, from, to, ids, idsFrom, idsTo);
          SLOT.setRelease(now.index, slot, (long) hash << 32 | now.used + 1);
          now.used += size;
          now.entries++;
        }
      } finally {
        writing.set(false);
      }
    }
  }

  private static int freeSlot(Table table, int hash) {
    int mask = table.index.length - 1;
    for (int probe = 0; probe < MAX_PROBES; probe++) {
      int at = hash + probe & mask;
      if (table.index[at] == 0) {
        return at;
      }
    }
    return -1;
  }

  private static void write(
      Table table, char[] text, int from, int to, int[] ids, int idsFrom, int idsTo) {
    char[] units = table.units;
    int at = table.used;
    units[at++] = (char) (to - from);
    units[at++] = (char) (idsTo - idsFrom);
    System.arraycopy(text, from, units, at, to - from);
    at += to - from;
    for (int i = idsFrom; i < idsTo; i++) {
      units[at++] = (char) ids[i];
      units[at++] = (char) (ids[i] >>> 16);
    }
  }
}
