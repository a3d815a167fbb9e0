package dev.eeve.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;

/** JSON strings as the reference libraries write and sort them, so that files come out equal. */
final class JsonStrings {
  /** By code point, as Rust and Python sort; Java's own order differs beyond the BMP. */
  static final Comparator<String> CODE_POINTS =
      Comparator.comparing(text -> text.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

  private JsonStrings() {}

  /** As Rust's serde_json: only what must be escaped is. */
  static String quote(String text) {
    return quote(text, Character.MAX_VALUE);
  }

  /** As Python's json: all but printable ASCII is escaped. */
  static String quoteAscii(String text) {
    return quote(text, '~');
  }

  private static String quote(String text, char last) {
    StringBuilder out = new StringBuilder(text.length() + 2).append('"');
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ' || c > last) {
            out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"').toString();
  }
}
