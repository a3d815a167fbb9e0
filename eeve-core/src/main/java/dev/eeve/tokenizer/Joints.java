package dev.eeve.tokenizer;

import java.util.List;

/**
 * Where merges can reach from one character to the next.
 *
 * <p>A merge that crosses a boundary has a left token ending in the byte before it and a right one
 * beginning with the byte after it. Where no merge has that pair of bytes at its joint, the text on
 * both sides is merged independently, whatever it is. GPT-2's merges never join two Hangul
 * syllables, and of what comes before one only a space, with {@code EB} and {@code EC}.
 */
final class Joints {
  /** Stands for the second half of a pair, which is always joined to the first. */
  private static final int INSIDE = 0xFF;

  /** First UTF-8 byte by unit >>> 6, from U+0080 on. */
  private static final byte[] FIRST_BYTES = new byte[0x10000 >> 6];

  static {
    for (int block = 2; block < FIRST_BYTES.length; block++) {
      int unit = block << 6;
      int first;
      if (unit < 0x800) {
        first = 0xC0 | unit >> 6;
      } else if (Character.isHighSurrogate((char) unit)) {
        first = 0xF0 | Character.toCodePoint((char) unit, '\uDC00') >> 18;
      } else {
        first = Character.isLowSurrogate((char) unit) ? INSIDE : 0xE0 | unit >> 12;
      }
      FIRST_BYTES[block] = (byte) first;
    }
  }

  /** A bit for each pair: last byte before, first byte after. */
  private final long[] joined = new long[0x10000 / Long.SIZE];

  /**
   * Collects the joints.
   *
   * @param merges all merges
   * @param tokens tokens by id
   */
  Joints(List<Merge> merges, String[] tokens) {
    for (int last = 0; last < 256; last++) {
      set(last, INSIDE);
    }
    for (Merge merge : merges) {
      String left = tokens[merge.left()];
      String right = tokens[merge.right()];
      // others cannot come out of bytes, so these merges never happen
      if (ByteLevel.isSpelled(left) && ByteLevel.isSpelled(right)) {
        byte[] before = ByteLevel.bytes(left);
        byte[] after = ByteLevel.bytes(right);
        if (before.length > 0 && after.length > 0) {
          set(before[before.length - 1] & 0xFF, after[0] & 0xFF);
        }
      }
    }
  }

  private void set(int last, int first) {
    joined[last << 2 | first >> 6] |= 1L << first;
  }

  /** Whether a merge may reach from the character {@code before} to {@code after}. */
  boolean joined(int before, int after) {
    int last = before < 0x80 ? before : 0x80 | before & 0x3F;
    int first = after < 0x80 ? after : FIRST_BYTES[after >> 6] & 0xFF;
    return (joined[last << 2 | first >> 6] >>> first & 1) != 0;
  }

  /** Whether a merge may reach from one Hangul syllable to the next: lead bytes EA to ED. */
  boolean joinHangul() {
    for (int last = 0x80; last <= 0xBF; last++) {
      if ((joined[last << 2 | 3] >>> 0xEA & 0xF) != 0) {
        return true;
      }
    }
    return false;
  }

  /** The end of the piece at {@code from}: merges inside it and around it are independent. */
  int pieceEnd(char[] text, int from, int to) {
    int end = from + 1;
    while (end < to && joined(text[end - 1], text[end])) {
      end++;
    }
    return end;
  }
}
