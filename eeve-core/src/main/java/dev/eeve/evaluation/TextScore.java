package dev.eeve.evaluation;

import java.util.List;

/**
 * A scored text.
 *
 * @param tokens its ids
 * @param logProbabilities for each, its natural log-probability given those before it; NaN for one
 *     that nothing stands before
 * @param bytes UTF-8 bytes of the text; 0 where token ids were scored
 */
public record TextScore(List<Integer> tokens, List<Double> logProbabilities, long bytes) {
  /** Keeps copies. */
  public TextScore {
    tokens = List.copyOf(tokens);
    logProbabilities = List.copyOf(logProbabilities);
    if (tokens.size() != logProbabilities.size()) {
      throw new IllegalArgumentException(
          "logProbabilities: %d, needed one for each of %d tokens"
              .formatted(logProbabilities.size(), tokens.size()));
    }
  }

  /**
   * This text as a sum of one document.
   *
   * @return over the tokens that something stands before
   */
  public ScoreSum sum() {
    double nats = 0;
    long scored = 0;
    for (double score : logProbabilities) {
      if (!Double.isNaN(score)) {
        nats -= score;
        scored++;
      }
    }
    return new ScoreSum(1, scored, bytes, nats);
  }
}
