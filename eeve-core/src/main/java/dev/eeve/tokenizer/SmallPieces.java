package dev.eeve.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The ids of single characters below U+10000, filled as they come.
 *
 * <p>Up to three ids of 20 bits and their number in one {@code long}, so that threads may read and
 * write without more ado: each sees nothing or all of it.
 */
final class SmallPieces {
  /** Most ids an entry holds. */
  static final int MAX_IDS = 3;

  private static final int ID_BITS = 20;
  private static final int ID_MASK = (1 << ID_BITS) - 1;
  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

  private final long[] entries = new long[0x10000];

  /** Appends the ids for a character if they are known; there must be room for three. */
  boolean find(char character, Workspace work) {
    long entry = (long) ENTRY.getOpaque(entries, character);
    if (entry == 0) {
      return false;
    }
    int[] ids = work.ids;
    int n = work.count;
    ids[n] = (int) entry & ID_MASK;
    ids[n + 1] = (int) (entry >>> ID_BITS) & ID_MASK;
    ids[n + 2] = (int) (entry >>> 2 * ID_BITS) & ID_MASK;
    work.count = n + (int) (entry >>> 3 * ID_BITS);
    return true;
  }

  /** Remembers {@code ids[from, to)} if they fit. */
  void add(char character, int[] ids, int from, int to) {
    int count = to - from;
    if (count > 0 && count <= MAX_IDS) {
      long entry = count;
      for (int i = MAX_IDS - 1; i >= 0; i--) {
        entry = entry << ID_BITS | (i < count ? ids[from + i] : 0);
      }
      ENTRY.setOpaque(entries, character, entry);
    }
  }
}
