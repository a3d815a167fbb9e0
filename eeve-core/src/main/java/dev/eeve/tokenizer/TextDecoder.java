package dev.eeve.tokenizer;

/**
 * Turns ids into text one at a time and never gives out half a character.
 *
 * <p>All that {@link #accept} returned and {@link #finish}, joined, equal {@link Tokenizer#decode}
 * of all the ids. For one thread; after {@code finish} it may be used again.
 */
public final class TextDecoder {
  private final Tokenizer tokenizer;
  private final boolean skipSpecial;
  private final Utf8 text = new Utf8();

  TextDecoder(Tokenizer tokenizer, boolean skipSpecial) {
    this.tokenizer = tokenizer;
    this.skipSpecial = skipSpecial;
  }

  /**
   * Takes the next id.
   *
   * @param id any id from 0; ids without a token, such as padding rows, add nothing
   * @return the text that is final now; empty while a character is incomplete
   * @throws IllegalArgumentException if the id is negative
   */
  public String accept(int id) {
    tokenizer.append(id, skipSpecial, text);
    return text.takeFinal();
  }

  /**
   * Ends the text.
   *
   * @return U+FFFD for a last character whose bytes have not all come, else empty
   */
  public String finish() {
    return text.takeAll();
  }
}
