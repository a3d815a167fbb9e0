package dev.eeve.tokenizer;

import java.util.Arrays;

/**
 * Bytes to text as Rust's {@code from_utf8_lossy} does it: each maximal broken sequence becomes one
 * U+FFFD. Java's own decoder counts encoded surrogates otherwise.
 */
final class Utf8 {
  private byte[] bytes = new byte[64];
  private int count;
  private final StringBuilder out = new StringBuilder();

  /** Appends bytes. */
  void add(byte[] more, int from, int to) {
    int length = to - from;
    if (bytes.length - count < length) {
      bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 8, 2L * (count + length)));
    }
    System.arraycopy(more, from, bytes, count, length);
    count += length;
  }

  /** The text that no further byte can change; keeps the beginning of a character for later. */
  String takeFinal() {
    return take(false);
  }

  /** All the text that is left; an unfinished character becomes U+FFFD. */
  String takeAll() {
    return take(true);
  }

  private String take(boolean all) {
    out.setLength(0);
    int at = 0;
    while (at < count) {
      int lead = bytes[at] & 0xFF;
      if (lead < 0x80) {
        out.append((char) lead);
        at++;
        continue;
      }
      int needed = length(lead);
      int good = 1;
      while (good < needed && at + good < count && continues(lead, good, bytes[at + good])) {
        good++;
      }
      if (good == needed && needed > 1) {
        out.appendCodePoint(codePoint(at, needed));
      } else if (!all && good < needed && at + good == count) {
        break;
      } else {
        out.append('\uFFFD');
      }
      at += good;
    }
    System.arraycopy(bytes, at, bytes, 0, count - at);
    count -= at;
    return out.toString();
  }

  /** Bytes of a character by its first one; 1 for a byte that begins none. */
  private static int length(int lead) {
    if (lead < 0xC2 || lead > 0xF4) {
      return 1;
    }
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  }

  /** Whether a byte may stand at {@code index} (1 to 3) after that lead byte. */
  private static boolean continues(int lead, int index, byte value) {
    int b = value & 0xFF;
    if (index > 1) {
      return b >= 0x80 && b <= 0xBF;
    }
    return switch (lead) {
      case 0xE0 -> b >= 0xA0 && b <= 0xBF;
      case 0xED -> b >= 0x80 && b <= 0x9F;
      case 0xF0 -> b >= 0x90 && b <= 0xBF;
      case 0xF4 -> b >= 0x80 && b <= 0x8F;
      default -> b >= 0x80 && b <= 0xBF;
    };
  }

  private int codePoint(int at, int length) {
    int code = bytes[at] & (0xFF >> length + 1);
    for (int i = 1; i < length; i++) {
      code = code << 6 | bytes[at + i] & 0x3F;
    }
    return code;
  }
}
