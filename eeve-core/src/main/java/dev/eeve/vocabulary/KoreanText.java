package dev.eeve.vocabulary;

/**
 * What counts as Korean, in bytes: a token is Korean if its bytes cannot occur in UTF-8 text
 * without Korean characters.
 *
 * <p>That is so if they hold a lead byte EB or EC, or one of the pairs and triples EA B0–BF, ED
 * 80–9E, E1 84–87, E3 84 B1–BF, E3 85, E3 86 80–8E: the beginnings of Hangul syllables, of the jamo
 * of U+1100 to U+11FF and U+D7B0 to U+D7BF, and of the compatibility jamo. So whole syllables,
 * words with a space before them, Hangul mixed with ASCII and parts of syllables are Korean; a
 * space with the byte EA is not, for it also begins Yi.
 *
 * <p>One merge joins two tokens, so the triples cost something: neither E3 84, which also begins
 * Bopomofo, nor 84 B1, which ends other characters, may be merged first. ㄱ to ㄿ (U+3131 to U+313F)
 * and ㆀ to ㆎ (U+3180 to U+318E) therefore stay three bytes where they stand alone, unless the base
 * has merges of its own for them (phi-2 has not); before another Korean character, as in ㄱㅅ, merges
 * from the right can take them in. ㅀ to ㅿ (E3 85), ㅋ, ㅎ and all vowels among them, have no such
 * limit.
 */
public final class KoreanText {
  private KoreanText() {}

  /**
   * Whether a token is Korean.
   *
   * @param bytes its bytes, whole characters or not
   * @return true if no text without Korean characters has them
   */
  public static boolean isKorean(byte[] bytes) {
    return isKorean(bytes, 0, bytes.length);
  }

  static boolean isKorean(byte[] bytes, int from, int to) {
    for (int i = from; i < to; i++) {
      int lead = bytes[i] & 0xFF;
      if (lead < 0xE1 || lead > 0xED) {
        continue;
      }
      int second = i + 1 < to ? bytes[i + 1] & 0xFF : 0;
      int third = i + 2 < to ? bytes[i + 2] & 0xFF : 0;
      if (begins(lead, second, third)) {
        return true;
      }
    }
    return false;
  }

  private static boolean begins(int lead, int second, int third) {
    return switch (lead) {
      case 0xEB, 0xEC -> true;
      case 0xEA -> second >= 0xB0 && second <= 0xBF;
      case 0xED -> second >= 0x80 && second <= 0x9E;
      case 0xE1 -> second >= 0x84 && second <= 0x87;
      case 0xE3 ->
          second == 0x85
              || second == 0x84 && third >= 0xB1 && third <= 0xBF
              || second == 0x86 && third >= 0x80 && third <= 0x8E;
      default -> false;
    };
  }

  /**
   * Whether a character is Korean: Hangul syllables and jamo. Korean tokens are made of these.
   *
   * @param codePoint any number
   * @return true if it is an assigned character whose UTF-8 is Korean
   */
  public static boolean isKorean(int codePoint) {
    if (codePoint < 0x1100 || codePoint > 0xD7BF || !Character.isDefined(codePoint)) {
      return false;
    }
    return begins(0xE0 | codePoint >> 12, 0x80 | codePoint >> 6 & 0x3F, 0x80 | codePoint & 0x3F);
  }
}
