package dev.eeve.evaluation;

import dev.eeve.model.Session;
import java.util.Arrays;

/** Log-probabilities of a text's tokens, in windows where the text is longer than the context. */
public final class Scorer {
  private Scorer() {}

  /**
   * Scores every token after the first. A token past the context is scored in a window of its own
   * that begins with half a context of history.
   *
   * @param session a context to use; its tokens are forgotten
   * @param tokens the tokens
   * @return log-probabilities in nats, one per token; NaN for the first, which follows nothing
   */
  public static double[] logProbabilities(Session session, int[] tokens) {
    double[] scores = new double[tokens.length];
    Arrays.fill(scores, 0, Math.min(1, tokens.length), Double.NaN);
    int window = session.capacity();
    int history = Math.max(1, window / 2);
    int next = 1;
    for (int from = 0; next < tokens.length; from = next - history) {
      session.rewind(0);
      int to = Math.min(from + window, tokens.length - 1);
      session.append(tokens, from, next - 1);
      int[] targets = Arrays.copyOfRange(tokens, 1, to + 1);
      double[] scored = session.appendAndScore(tokens, next - 1, to, targets);
      System.arraycopy(scored, 0, scores, next, scored.length);
      next += scored.length;
    }
    return scores;
  }
}
