package dev.eeve.tokenizer;

/**
 * Splits text into the words that byte-pair encoding then works on, one by one.
 *
 * @param addPrefixSpace whether text that does not begin with a space is given one
 * @param split whether GPT-2's pattern splits the text; else it stays one word
 */
record PreTokenizer(boolean addPrefixSpace, boolean split) {
  /** GPT-2's pattern, as {@link #wordEnd} reads it by hand. */
  static final String PATTERN =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  /** Encodes {@code text[from, to)}, which is not empty and does not begin at 0. */
  void encode(char[] text, int from, int to, BytePairEncoding model, Workspace work) {
    char before = text[from - 1];
    int start = addPrefixSpace(text, from);
    if (split) {
      model.encodeWords(text, start, to, work);
    } else {
      model.encode(text, start, to, work);
    }
    text[from - 1] = before;
  }

  /** Visits the words of {@code text[from, to)}, which is not empty and does not begin at 0. */
  void forEachWord(char[] text, int from, int to, Tokenizer.WordVisitor visitor) {
    char before = text[from - 1];
    int at = addPrefixSpace(text, from);
    while (at < to) {
      int end = split ? wordEnd(text, at, to) : to;
      visitor.word(text, at, end);
      at = end;
    }
    text[from - 1] = before;
  }

  /** Writes the space over what stands before, which the caller puts back. */
  private int addPrefixSpace(char[] text, int from) {
    if (!addPrefixSpace || text[from] == ' ') {
      return from;
    }
    text[from - 1] = ' ';
    return from - 1;
  }

  /**
   * Where the word that begins at {@code from} ends: the match of {@link #PATTERN} there, whose
   * alternatives cover every character.
   *
   * @param text UTF-16 with no half pairs
   * @param from first character of the word
   * @param to end of the text, past {@code from}
   */
  static int wordEnd(char[] text, int from, int to) {
    char first = text[from];
    if (first == '\'') {
      int end = contractionEnd(text, from, to);
      if (end > 0) {
        return end;
      }
    }
    int at = first == ' ' && from + 1 < to ? from + 1 : from;
    int wanted = CharacterClass.at(text, at, to);
    if (wanted != CharacterClass.SPACE) {
      return CharacterClass.runEnd(text, at, to, wanted);
    }
    int end = CharacterClass.runEnd(text, at, to, CharacterClass.SPACE);
    // \s+(?!\S): the last space before a word is left to that word
    return end < to && end - from > 1 ? end - 1 : end;
  }

  private static int contractionEnd(char[] text, int from, int to) {
    if (to - from < 2) {
      return -1;
    }
    char second = text[from + 1];
    char third = to - from > 2 ? text[from + 2] : 0;
    return switch (second) {
      case 's', 't', 'm', 'd' -> from + 2;
      case 'r', 'v' -> third == 'e' ? from + 3 : -1;
      case 'l' -> third == 'l' ? from + 3 : -1;
      default -> -1;
    };
  }
}
