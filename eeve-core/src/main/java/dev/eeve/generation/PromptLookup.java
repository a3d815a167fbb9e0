package dev.eeve.generation;

import dev.eeve.kernels.Linear;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/**
 * Drafts of how a text goes on, taken from the text so far (Saxena, 2023, prompt lookup decoding):
 * what followed the latest of the longest earlier appearances of its last tokens.
 *
 * <p>Predictions cost nothing until they are run through the model, so each is compared with the
 * token that came, run or not; drafts are made only where the share of right ones says that they
 * pay. The rule knows tokens alone and no clock: the same text always takes the same path.
 */
final class PromptLookup {
  /** Rows of a block at most: the last token and its drafts. */
  static final int MAX_ROWS = 16;

  /** A block's rows grow by as many as meet a weight at once. */
  private static final int ROWS_STEP = 4;

  /** Longer appearances tell no more. */
  private static final int MAX_MATCH = 8;

  /** Appearances of fewer, and of 2, 3 and at least 4 tokens are counted apart. */
  private static final int CLASSES = 4;

  /** Weight of the newest prediction in the share of right ones. */
  private static final double NEWEST = 0.125;

  /** A draft must promise this much more than it costs. */
  private static final double MARGIN = 1.15;

  private final IntToDoubleFunction blockCost;

  /** Share of right predictions, by the length of the appearance; from below what pays. */
  private final double[] right = new double[CLASSES];

  private final int[] predicted = new int[MAX_ROWS - 1];
  private int predictions;
  private int match;
  private int compared;

  /**
   * New text.
   *
   * @param blockCost what a block of rows costs, in single steps; as {@link Linear#blockCost}
   */
  PromptLookup(IntToDoubleFunction blockCost) {
    this.blockCost = blockCost;
    Arrays.fill(right, 0.2);
  }

  /**
   * Predicts what follows a text.
   *
   * @param tokens the text
   * @param count its length, at least 1
   * @param most drafts that there is room for, 0 or more
   * @return how many of {@link #draft} are worth running, 0 to {@code most}
   */
  int predict(int[] tokens, int count, int most) {
    compared = 0;
    int from = find(tokens, count);
    predictions = match == 0 ? 0 : predicted.length;
    for (int i = 0; i < predictions; i++) { // past the end it goes on with what it predicts
      predicted[i] = from + i < count ? tokens[from + i] : predicted[from + i - count];
    }
    return match == 0 ? 0 : worthwhile(most);
  }

  /** Where the latest of the longest earlier appearances of the last tokens ends. */
  private int find(int[] tokens, int count) {
    match = 0;
    int best = 0;
    for (int end = count - 1; end > match && match < MAX_MATCH; end--) {
      int length = 0;
      while (length < MAX_MATCH
          && length < end
          && tokens[end - 1 - length] == tokens[count - 1 - length]) {
        length++;
      }
      if (length > match) {
        match = length;
        best = end;
      }
    }
    return best;
  }

  /** The number of drafts with the most tokens for a step's cost; 0 unless that is a clear gain. */
  private int worthwhile(int most) {
    int best = 0;
    double bestRate = MARGIN;
    double reached = 1;
    double expected = 1;
    for (int drafts = 1; drafts <= Math.min(most, predicted.length); drafts++) {
      reached *= right[classOf(drafts - 1)];
      expected += reached;
      boolean whole = (drafts + 1) % ROWS_STEP == 0 || drafts == most;
      double rate = whole ? expected / blockCost.applyAsDouble(drafts + 1) : 0;
      if (rate > bestRate) {
        bestRate = rate;
        best = drafts;
      }
    }
    return best;
  }

  /** The class of a prediction: each right one makes the appearance a token longer. */
  private int classOf(int index) {
    return Math.min(match + index, CLASSES) - 1;
  }

  /** The token predicted {@code index} after the text. */
  int draft(int index) {
    return predicted[index];
  }

  /**
   * Compares the next token that came with its prediction.
   *
   * @param token what came
   * @return whether it was predicted; false where nothing was, or an earlier one was wrong
   */
  boolean came(int token) {
    if (compared >= predictions) {
      return false;
    }
    boolean hit = predicted[compared] == token;
    int c = classOf(compared);
    right[c] += NEWEST * ((hit ? 1 : 0) - right[c]);
    compared = hit ? compared + 1 : predictions;
    return hit;
  }
}
