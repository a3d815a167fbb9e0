package dev.eeve.vocabulary;

import dev.eeve.tokenizer.ByteLevel;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** A token in the making and the merge that makes it. Its id is final only in the end. */
final class NewToken {
  final int id;
  final int left;
  final int right;
  final byte[] bytes;
  final String spelling;

  /** Whether it was dropped in an earlier round, so that it may only serve as a merge step. */
  final boolean returned;

  /** How often it stood in the corpus when last counted. */
  long count;

  /** Kept tokens whose merge it is part of. */
  int builtOnIt;

  boolean dropped;

  NewToken(int id, int left, int right, byte[] bytes, boolean returned) {
    this.id = id;
    this.left = left;
    this.right = right;
    this.bytes = bytes;
    this.spelling = ByteLevel.spell(bytes);
    this.returned = returned;
  }

  /** Whether it is part of a character, or ends or begins with one. */
  static boolean isPart(byte[] bytes) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return false;
    } catch (CharacterCodingException e) {
      return true;
    }
  }
}
