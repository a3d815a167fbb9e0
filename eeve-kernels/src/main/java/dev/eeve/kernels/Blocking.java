package dev.eeve.kernels;

/**
 * Sizes of the blocks that kernels work in. Only speed depends on them, but for {@link #keys}: the
 * running softmax rescales at each block of keys, so its last bits do too.
 *
 * @param tokens rows of activations that one prompt block holds at most
 * @param keys keys of one step of the running softmax, a multiple of 16
 * @param depth input features of one step of a packed product
 * @param vocabularyRows rows of the head whose logits exist at once while scoring, a multiple of 32
 */
public record Blocking(int tokens, int keys, int depth, int vocabularyRows) {
  private static final Blocking DEFAULTS = new Blocking(256, 64, 1280, 4096);

  /** Checks the multiples. */
  public Blocking {
    require("tokens", tokens, 1);
    require("keys", keys, KeyValueRows.KEY_BLOCK);
    require("depth", depth, 1);
    require("vocabularyRows", vocabularyRows, Weights.PANEL_ROWS);
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
}
