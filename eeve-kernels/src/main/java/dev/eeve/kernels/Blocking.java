package dev.eeve.kernels;

/**
 * Sizes of the blocks that kernels work in. Only speed depends on them, but for {@link #keys}: the
 * running softmax rescales at each block of keys, so its last bits do too; and where {@link
 * #strassenRows} is not 0, results depend on how a prompt is cut into blocks of {@link #tokens}.
 *
 * @param tokens rows of activations that one prompt block holds at most
 * @param keys keys of one step of the running softmax, a multiple of 16
 * @param depth input features of one step of a packed product
 * @param vocabularyRows rows of the head whose logits exist at once while scoring, a multiple of 32
 * @param strassenRows rows of a prompt's block from which its products go by {@link
 *     Linear#forwardByStrassen}; 0 for never
 */
public record Blocking(int tokens, int keys, int depth, int vocabularyRows, int strassenRows) {
  private static final Blocking DEFAULTS = new Blocking(256, 64, 1280, 4096);

  /** Larger blocks, as combinations of weights cost the same for any number of rows. */
  private static final Blocking STRASSEN = new Blocking(512, 64, 1280, 4096, 112);

  /** Checks the multiples. */
  public Blocking {
    require("tokens", tokens, 1);
    require("keys", keys, KeyValueRows.KEY_BLOCK);
    require("depth", depth, 1);
    require("vocabularyRows", vocabularyRows, Weights.PANEL_ROWS);
    if (strassenRows < 0) {
      throw new IllegalArgumentException(
          "blocking: strassenRows " + strassenRows + ", needed 0 or more");
    }
  }

  /**
   * Sizes without Strassen's products.
   *
   * @param tokens rows of activations that one prompt block holds at most
   * @param keys keys of one step of the running softmax, a multiple of 16
   * @param depth input features of one step of a packed product
   * @param vocabularyRows rows of the head whose logits exist at once, a multiple of 32
   */
  public Blocking(int tokens, int keys, int depth, int vocabularyRows) {
    this(tokens, keys, depth, vocabularyRows, 0);
  }

  private static void require(String name, int value, int multiple) {
    if (value < 1 || value % multiple != 0) {
      throw new IllegalArgumentException(
          "blocking: " + name + " " + value + ", needed a positive multiple of " + multiple);
    }
  }

  /**
   * The sizes measured to be fast.
   *
   * @return the defaults
   */
  public static Blocking defaults() {
    return DEFAULTS;
  }

  /**
   * The sizes measured to be fast for prompts whose products go by {@link Linear#forwardByStrassen}
   * where that pays. Errors are those of the plain products or smaller, but a token's results
   * depend on its neighbours in the block: a prompt read in other blocks, or token by token, gives
   * other last bits.
   *
   * @return the sizes
   */
  public static Blocking strassen() {
    return STRASSEN;
  }
}
