package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.internal.TextUnits;
import java.lang.Character.UnicodeBlock;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KoreanTextTest {
  private static final Set<UnicodeBlock> HANGUL =
      Set.of(
          UnicodeBlock.HANGUL_SYLLABLES,
          UnicodeBlock.HANGUL_JAMO,
          UnicodeBlock.HANGUL_COMPATIBILITY_JAMO,
          UnicodeBlock.HANGUL_JAMO_EXTENDED_B);

  static byte[] utf8(int codePoint) {
    return Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
  }

  static boolean isText(int codePoint) {
    return Character.isDefined(codePoint)
        && (codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE);
  }

  @Test
  void onlyHangulSyllablesAndJamoAreKorean() {
    int korean = 0;
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (!isText(c)) {
        assertFalse(KoreanText.isKorean(c));
        continue;
      }
      // the last letters of Jamo Extended-B share ED 9F with nothing the rule admits
      boolean expected = HANGUL.contains(UnicodeBlock.of(c)) && (c < 0xD7C0 || c > 0xD7FF);
      assertEquals(expected, KoreanText.isKorean(c), Integer.toHexString(c));
      assertEquals(expected, KoreanText.isKorean(utf8(c)), Integer.toHexString(c));
    }
    for (int c = 0xAC00; c <= 0xD7A3; c++) {
      assertTrue(KoreanText.isKorean(c) && TextUnits.isSyllable(c));
      korean++;
    }
    assertEquals(11_172, korean);
  }

  @Test
  void noBytesOfTextWithoutKoreanAreKorean() {
    Random random = new Random(1);
    for (int round = 0; round < 200; round++) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 500; i++) {
        int c = random.nextInt(random.nextBoolean() ? 0x10000 : Character.MAX_CODE_POINT + 1);
        if (isText(c) && !HANGUL.contains(UnicodeBlock.of(c))) {
          text.appendCodePoint(c);
        }
      }
      assertFalse(KoreanText.isKorean(text.toString().getBytes(StandardCharsets.UTF_8)));
    }
  }

  @Test
  void partsOfSyllablesAreKoreanWhereNothingElseHasThem() {
    for (String korean :
        new String[] {
          "ec",
          "20eb",
          "eab0",
          "ed80",
          "ed9e",
          "e184",
          "e187",
          "e384b1",
          "e385",
          "e38680",
          "e3868e",
          "61ed9598",
          "90ec"
        }) {
      assertTrue(KoreanText.isKorean(HexFormat.of().parseHex(korean)), korean);
    }
    for (String other :
        new String[] {
          "20ea", "ea", "ed", "eaaf", "ed9f", "e183", "e188", "e384", "e384b0", "e386", "e3868f",
          "e387", "e1", "e3", "b0b1", "c3ab", "eaa5a0"
        }) {
      assertFalse(KoreanText.isKorean(HexFormat.of().parseHex(other)), other);
    }
  }
}
