package dev.eeve.generation;

import java.util.Locale;

/** Why a generation ended. */
public enum FinishReason {
  /** The limit of new tokens or the end of the context was reached. */
  LENGTH,
  /** A token came that ends a document. */
  EOS,
  /** A stop string came. */
  STOP,
  /** The caller cancelled. */
  CANCELLED,
  /** The model was closed meanwhile. */
  CLOSED;

  /**
   * The reason as JSON and logs have it.
   *
   * @return for example {@code length}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
