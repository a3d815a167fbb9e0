package dev.eeve.internal;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * Which documents are kept apart to measure on: those whose SHA-256 (of their UTF-8) begins with
 * 00, a 256th of a corpus, the same in every run and every copy of the text. Belongs to one thread.
 */
public final class HeldOutRule {
  private final MessageDigest sha256;

  /** A rule with a digest of its own. */
  public HeldOutRule() {
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /**
   * A document's hash.
   *
   * @param utf8 holds the document
   * @param from where it begins
   * @param length its bytes
   * @return 32 bytes
   */
  public byte[] hash(byte[] utf8, int from, int length) {
    sha256.update(utf8, from, length);
    return sha256.digest();
  }

  /**
   * Whether a document is held out.
   *
   * @param hash as {@link #hash} gives it
   * @return true for one in 256
   */
  public static boolean holdsOut(byte[] hash) {
    return hash[0] == 0;
  }

  /**
   * Whether a document is held out.
   *
   * @param text the document
   * @return true for one in 256
   */
  public boolean holdsOut(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return holdsOut(hash(utf8, 0, utf8.length));
  }
}
