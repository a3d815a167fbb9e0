package dev.eeve.tokenizer;

/**
 * Ids that are set before and after a text.
 *
 * @param before for example the begin-of-sequence id
 * @param after for example the end-of-sequence id
 */
record PostProcessor(int[] before, int[] after) {
  static final PostProcessor NONE = new PostProcessor(new int[0], new int[0]);
}
