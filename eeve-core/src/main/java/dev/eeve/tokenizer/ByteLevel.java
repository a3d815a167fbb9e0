package dev.eeve.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * GPT-2's byte alphabet: a printable character for every byte, the spelling of tokens in
 * tokenizer.json.
 *
 * <p>The printable bytes 21–7E, A1–AC and AE–FF stand for themselves, the other 68 in ascending
 * order are U+0100 to U+0143: a space is {@code Ġ}, a line feed {@code Ċ}. Source: {@code
 * bytes_to_unicode} of openai/gpt-2.
 */
public final class ByteLevel {
  private static final char[] CHARACTERS = new char[256];
  private static final short[] BYTES = new short[0x144];

  static {
    Arrays.fill(BYTES, (short) -1);
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= 0x21 && b <= 0x7E || b >= 0xA1 && b != 0xAD;
      CHARACTERS[b] = (char) (printable ? b : next++);
      BYTES[CHARACTERS[b]] = (short) b;
    }
  }

  private ByteLevel() {}

  /**
   * The character that spells a byte.
   *
   * @param value the byte, signed or not; its low 8 bits count
   * @return its character
   */
  public static char character(int value) {
    return CHARACTERS[value & 0xFF];
  }

  /**
   * The spelling of bytes.
   *
   * @param bytes any bytes
   * @return one character a byte
   */
  public static String spell(byte[] bytes) {
    char[] spelled = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      spelled[i] = CHARACTERS[bytes[i] & 0xFF];
    }
    return new String(spelled);
  }

  /**
   * What a token contributes to decoded text, as Hugging Face's {@code ByteLevel} decoder has it:
   * the bytes its characters spell, or, where one of them is outside the alphabet (as in most added
   * tokens), its own UTF-8.
   *
   * @param token a token as tokenizer.json writes it
   * @return its bytes
   */
  public static byte[] bytes(String token) {
    if (!isSpelled(token)) {
      return token.getBytes(StandardCharsets.UTF_8);
    }
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) BYTES[token.charAt(i)];
    }
    return bytes;
  }

  /**
   * Whether every character of a token belongs to the alphabet.
   *
   * @param token a token as tokenizer.json writes it
   * @return true if it spells bytes
   */
  public static boolean isSpelled(String token) {
    for (int i = 0; i < token.length(); i++) {
      char c = token.charAt(i);
      if (c >= BYTES.length || BYTES[c] < 0) {
        return false;
      }
    }
    return true;
  }
}
