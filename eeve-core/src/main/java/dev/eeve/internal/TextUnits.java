package dev.eeve.internal;

/**
 * The units that Korean tokenizers are measured by.
 *
 * @param eojeols runs of characters without white space
 * @param syllables complete Hangul syllables, U+AC00 to U+D7A3
 */
public record TextUnits(long eojeols, long syllables) {
  /** Of no text. */
  public static final TextUnits ZERO = new TextUnits(0, 0);

  /**
   * Counts a text's units.
   *
   * @param text any text
   * @return its units
   */
  public static TextUnits of(String text) {
    boolean inside = false;
    int eojeols = 0;
    int syllables = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean space = Character.isWhitespace(c) || Character.isSpaceChar(c);
      eojeols += !space && !inside ? 1 : 0;
      inside = !space;
      syllables += isSyllable(c) ? 1 : 0;
    }
    return new TextUnits(eojeols, syllables);
  }

  /**
   * Whether a character is a complete Hangul syllable.
   *
   * @param codePoint any number
   * @return true for U+AC00 to U+D7A3
   */
  public static boolean isSyllable(int codePoint) {
    return codePoint >= 0xAC00 && codePoint <= 0xD7A3;
  }

  /**
   * These and others.
   *
   * @param other of another text
   * @return of both
   */
  public TextUnits plus(TextUnits other) {
    return new TextUnits(eojeols + other.eojeols, syllables + other.syllables);
  }
}
