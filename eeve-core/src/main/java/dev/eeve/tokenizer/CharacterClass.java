package dev.eeve.tokenizer;

/**
 * What the splitting pattern of GPT-2 asks of a character: letter, number, white space or none.
 *
 * <p>Java's tables and those of Hugging Face's library agree on every code point (both Unicode 16);
 * a test compares them all, so a JDK with newer tables shows up there.
 */
final class CharacterClass {
  static final byte OTHER = 0;
  static final byte LETTER = 1;
  static final byte NUMBER = 2;
  static final byte SPACE = 3;

  /** Half of a pair: the code point decides. */
  private static final byte SURROGATE = 4;

  private static final int CATEGORIES_OF_LETTERS =
      1 << Character.UPPERCASE_LETTER
          | 1 << Character.LOWERCASE_LETTER
          | 1 << Character.TITLECASE_LETTER
          | 1 << Character.MODIFIER_LETTER
          | 1 << Character.OTHER_LETTER;

  private static final int CATEGORIES_OF_NUMBERS =
      1 << Character.DECIMAL_DIGIT_NUMBER
          | 1 << Character.LETTER_NUMBER
          | 1 << Character.OTHER_NUMBER;

  private static final int CATEGORIES_OF_WORDS =
      CATEGORIES_OF_LETTERS
          | 1 << Character.NON_SPACING_MARK
          | 1 << Character.ENCLOSING_MARK
          | 1 << Character.COMBINING_SPACING_MARK
          | 1 << Character.DECIMAL_DIGIT_NUMBER
          | 1 << Character.CONNECTOR_PUNCTUATION;

  /** Class by UTF-16 unit: one load in the splitter's loop. */
  private static final byte[] CLASSES = new byte[0x10000];

  static {
    for (int c = 0; c < CLASSES.length; c++) {
      CLASSES[c] = Character.isSurrogate((char) c) ? SURROGATE : classify(c);
    }
  }

  private CharacterClass() {}

  /** The class of the character at {@code text[at]}, which may be the first half of a pair. */
  static int at(char[] text, int at, int to) {
    int known = CLASSES[text[at]];
    return known == SURROGATE ? classify(Character.codePointAt(text, at, to)) : known;
  }

  /** The end of the run of characters of one class that begins at {@code at}. */
  static int runEnd(char[] text, int at, int to, int wanted) {
    int i = at;
    while (i < to) {
      int known = CLASSES[text[i]];
      if (known == wanted) {
        i++;
      } else if (known == SURROGATE && classify(Character.codePointAt(text, i, to)) == wanted) {
        i += Character.charCount(Character.codePointAt(text, i, to));
      } else {
        break;
      }
    }
    return i;
  }

  static boolean isSpace(char c) {
    return CLASSES[c] == SPACE;
  }

  /** Rust's {@code \w}: letters, marks, decimal digits, connectors, joiners. */
  static boolean isWord(int codePoint) {
    return (CATEGORIES_OF_WORDS >>> Character.getType(codePoint) & 1) != 0
        || Character.isAlphabetic(codePoint)
        || codePoint == 0x200C
        || codePoint == 0x200D;
  }

  private static byte classify(int codePoint) {
    int category = 1 << Character.getType(codePoint);
    if ((category & CATEGORIES_OF_LETTERS) != 0) {
      return LETTER;
    }
    if ((category & CATEGORIES_OF_NUMBERS) != 0) {
      return NUMBER;
    }
    return isWhiteSpace(codePoint) ? SPACE : OTHER;
  }

  /** Unicode's White_Space; Java's own notions of white space are others. */
  private static boolean isWhiteSpace(int c) {
    return c == ' '
        || c >= '\t' && c <= '\r'
        || c == 0x85
        || c == 0xA0
        || c == 0x1680
        || c >= 0x2000 && c <= 0x200A
        || c == 0x2028
        || c == 0x2029
        || c == 0x202F
        || c == 0x205F
        || c == 0x3000;
  }
}
