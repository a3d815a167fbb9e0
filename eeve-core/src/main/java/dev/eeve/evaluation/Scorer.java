package dev.eeve.evaluation;

import dev.eeve.model.Session;
import dev.eeve.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;

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
    session.checkTokens(tokens, 0, tokens.length);
    int[] targets = tokens.length == 0 ? tokens : Arrays.copyOfRange(tokens, 1, tokens.length);
    int window = session.capacity();
    int history = Math.max(1, window / 2);
    int next = 1;
    for (int from = 0; next < tokens.length; from = next - history) {
      session.rewind(0);
      int to = Math.min(from + window, tokens.length - 1);
      session.append(tokens, from, next - 1);
      double[] scored = session.appendAndScore(tokens, next - 1, to, targets);
      requireNumbers(scored, next);
      System.arraycopy(scored, 0, scores, next, scored.length);
      next += scored.length;
    }
    return scores;
  }

  private static void requireNumbers(double[] scored, int first) {
    for (int i = 0; i < scored.length; i++) {
      if (Double.isNaN(scored[i])) {
        throw new IllegalStateException(
            "logits: NaN at token " + (first + i) + ", needed numbers; check the weights");
      }
    }
  }

  /**
   * A text's ids behind a start token, so that every token of the text has something before it and
   * tokenizers compare fairly.
   *
   * @param tokenizer the model's
   * @param startToken what stands before a text that nothing precedes
   * @param text any text
   * @return the start token and the text's own ids, none of a template's
   */
  public static int[] withStart(Tokenizer tokenizer, int startToken, String text) {
    int[] ids = tokenizer.encode(text, false);
    int[] all = new int[ids.length + 1];
    all[0] = startToken;
    System.arraycopy(ids, 0, all, 1, ids.length);
    return all;
  }

  /**
   * Scores a text whose ids {@link #withStart} made.
   *
   * @param session a context to use; its tokens are forgotten
   * @param tokens the start token and the text's ids
   * @param text the text
   * @return scores of the text's own tokens
   */
  public static TextScore score(Session session, int[] tokens, String text) {
    double[] scores = logProbabilities(session, tokens);
    List<Integer> ids = Arrays.stream(tokens).skip(1).boxed().toList();
    return new TextScore(ids, Arrays.stream(scores).skip(1).boxed().toList(), utf8Length(text));
  }

  /**
   * Scores token ids as they are.
   *
   * @param session a context to use; its tokens are forgotten
   * @param tokens the ids
   * @return their scores; NaN for the first
   */
  public static TextScore score(Session session, int[] tokens) {
    double[] scores = logProbabilities(session, tokens);
    return new TextScore(
        Arrays.stream(tokens).boxed().toList(), Arrays.stream(scores).boxed().toList(), 0);
  }

  /** Bytes of a text as the tokenizer sees it: an unpaired surrogate is U+FFFD, three bytes. */
  static long utf8Length(String text) {
    return text.codePoints()
        .mapToLong(c -> c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4)
        .sum();
  }
}
