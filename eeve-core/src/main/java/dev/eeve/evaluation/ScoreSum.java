package dev.eeve.evaluation;

import java.util.OptionalDouble;

/**
 * Log-probabilities added up over documents.
 *
 * @param documents how many
 * @param tokens tokens that were scored; a start token is not one of them
 * @param bytes UTF-8 bytes of the texts; 0 where token ids were scored and no text is known
 * @param nats −Σ ln p over the tokens
 */
public record ScoreSum(long documents, long tokens, long bytes, double nats) {
  /** No documents. */
  public static final ScoreSum ZERO = new ScoreSum(0, 0, 0, 0);

  /**
   * This sum and another.
   *
   * @param other of other documents
   * @return of both
   */
  public ScoreSum plus(ScoreSum other) {
    return new ScoreSum(
        documents + other.documents, tokens + other.tokens, bytes + other.bytes, nats + other.nats);
  }

  /**
   * The mean negative log-likelihood of a token.
   *
   * @return in nats; empty where no token was scored
   */
  public OptionalDouble nll() {
    return tokens == 0 ? OptionalDouble.empty() : OptionalDouble.of(nats / tokens);
  }

  /**
   * What the model was as unsure as choosing among.
   *
   * @return e to the {@link #nll}; empty where no token was scored
   */
  public OptionalDouble perplexity() {
    return tokens == 0 ? OptionalDouble.empty() : OptionalDouble.of(StrictMath.exp(nats / tokens));
  }

  /**
   * Bits for a byte of text: comparable between tokenizers.
   *
   * @return Σ −log₂ p ÷ bytes; empty where no text is known
   */
  public OptionalDouble bitsPerByte() {
    return bytes == 0 || tokens == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(nats / StrictMath.log(2) / bytes);
  }
}
