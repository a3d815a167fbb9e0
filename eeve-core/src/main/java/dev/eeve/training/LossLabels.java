package dev.eeve.training;

import dev.eeve.tokenizer.Merge;
import dev.eeve.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The second reading of the loss on new tokens ({@code new_token_loss: first_old_token}): a label
 * that is a new token counts as the first token that the old merges make of its bytes, and the
 * softmax goes over the old rows alone.
 *
 * @param rows the softmax's rows, from the first on
 * @param replacement for each id the label that counts
 */
record LossLabels(int rows, int[] replacement) {
  /** Runs the merges whose results are old tokens on the bytes of each new one. */
  static LossLabels firstOldToken(Tokenizer tokenizer, int numberOfOldTokens) {
    Map<Long, Integer> ranks = new HashMap<>();
    List<Merge> merges = tokenizer.merges();
    for (int rank = 0; rank < merges.size(); rank++) {
      Merge merge = merges.get(rank);
      if (merge.result() < numberOfOldTokens) {
        ranks.putIfAbsent(pair(merge.left(), merge.right()), rank);
      }
    }
    int[] replacement = new int[tokenizer.vocabularySize()];
    for (int id = 0; id < replacement.length; id++) {
      boolean plain = id < numberOfOldTokens || !tokenizer.isToken(id) || tokenizer.isSpecial(id);
      replacement[id] = plain ? id : firstOf(tokenizer, id, ranks);
      if (replacement[id] >= numberOfOldTokens) {
        replacement[id] = TokenDataset.IGNORED; // a new special token has no old spelling
      }
    }
    return new LossLabels(numberOfOldTokens, replacement);
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  private static int firstOf(Tokenizer tokenizer, int id, Map<Long, Integer> ranks) {
    List<Integer> parts = new ArrayList<>();
    tokenizer
        .token(id)
        .codePoints()
        .forEach(c -> parts.add(tokenizer.id(Character.toString(c)).orElse(id)));
    while (true) {
      int best = -1;
      int rank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int found = ranks.getOrDefault(pair(parts.get(i), parts.get(i + 1)), Integer.MAX_VALUE);
        if (found < rank) {
          rank = found;
          best = i;
        }
      }
      if (best < 0) {
        return parts.getFirst();
      }
      parts.set(best, tokenizer.merges().get(rank).result());
      parts.remove(best + 1);
    }
  }

  TrainingBatch applied(TrainingBatch batch) {
    int[] targets = batch.targets().clone();
    for (int i = 0; i < targets.length; i++) {
      if (targets[i] >= 0 && targets[i] < replacement.length) {
        targets[i] = replacement[targets[i]];
      } else if (targets[i] >= rows) {
        targets[i] = TokenDataset.IGNORED;
      }
    }
    return new TrainingBatch(batch.ids(), targets, batch.documents());
  }
}
