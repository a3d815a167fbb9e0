package dev.eeve.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Korean at memory speed: where no merge joins two syllables, each syllable has the same ids
 * everywhere, and so has each with a space before it.
 *
 * <p>The loop over syllables and spaces has no branch that depends on which of them comes, since a
 * word of Korean is too short to predict its end. The table fills as syllables come.
 */
final class HangulRuns {
  private static final int FIRST = 0xAC00;
  private static final int SYLLABLES = 11172;

  private static final int ID_BITS = 20;
  private static final int ID_MASK = (1 << ID_BITS) - 1;
  private static final int COUNT_SHIFT = 3 * ID_BITS;

  /** Set where the space has an id of its own, which comes before the others. */
  private static final int SPACE_SHIFT = 62;

  /** Ids written at a time, of which the last may not count. */
  private static final int MAX_WRITTEN = 4;

  private static final VarHandle ENTRY = MethodHandles.arrayElementVarHandle(long[].class);

  /** Up to three ids, their number, the flag; 0 where not known yet; those with a space second. */
  private final long[] entries = new long[2 * SYLLABLES];

  private final Joints joints;
  private final int spaceId;

  HangulRuns(Joints joints, int spaceId) {
    this.joints = joints;
    this.spaceId = spaceId;
  }

  /**
   * Appends the ids of the syllables and single spaces that begin at {@code from}.
   *
   * @param from the beginning of a word
   * @return where it stopped: at the beginning of a word, or of a piece of one that is independent
   *     of what stands before
   */
  int encode(char[] text, int from, int to, BytePairEncoding model, Workspace work) {
    long[] table = entries;
    int[] ids = work.ids;
    int n = work.count;
    int at = from;
    int lastAt = from;
    int lastCount = n;
    while (at < to) {
      int space = (text[at] ^ ' ') - 1 >>> 31; // 1 for a space, else 0
      if (at + space >= to) {
        break;
      }
      int syllable = text[at + space] - FIRST;
      if (Integer.compareUnsigned(syllable, SYLLABLES) >= 0) {
        break;
      }
      if (n > ids.length - MAX_WRITTEN) {
        work.count = n;
        work.reserve(MAX_WRITTEN);
        ids = work.ids;
      }
      long entry = (long) ENTRY.getOpaque(table, space * SYLLABLES + syllable);
      if (entry == 0) {
        entry = learn(text, at, space, model);
      }
      lastAt = at;
      lastCount = n;
      ids[n] = spaceId;
      n += (int) (entry >>> SPACE_SHIFT);
      ids[n] = (int) entry & ID_MASK;
      ids[n + 1] = (int) (entry >>> ID_BITS) & ID_MASK;
      ids[n + 2] = (int) (entry >>> 2 * ID_BITS) & ID_MASK;
      n += (int) (entry >>> COUNT_SHIFT) & 3;
      at += 1 + space;
    }
    if (at > from && at < to && joints.joined(text[at - 1], text[at])) {
      at = lastAt; // the last syllable may merge with what follows
      n = lastCount;
    }
    work.count = n;
    return at;
  }

  /** Works out the entry of the syllable at {@code at + space}. */
  private long learn(char[] text, int at, int space, BytePairEncoding model) {
    Workspace own = new Workspace();
    model.encodePlain(text, at, at + space + 1, own);
    int[] ids = own.ids;
    int first = space == 1 && ids[0] == spaceId ? 1 : 0;
    int count = own.count - first;
    long entry = first << 2 | count;
    for (int i = 2; i >= 0; i--) {
      entry = entry << ID_BITS | (i < count ? ids[first + i] : 0);
    }
    ENTRY.setOpaque(entries, space * SYLLABLES + text[at + space] - FIRST, entry);
    return entry;
  }
}
