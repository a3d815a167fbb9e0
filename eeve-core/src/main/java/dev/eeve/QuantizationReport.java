package dev.eeve;

import dev.eeve.evaluation.TextScore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;

/**
 * What two models say of the same tokens: how far the second one's log-probabilities are from the
 * first one's.
 *
 * @param tokens how many were compared
 * @param meanChange mean of the absolute changes, in nats
 * @param worstChange the largest of them
 * @param nllBefore mean negative log-probability by the first model
 * @param nllAfter the same by the second
 */
public record QuantizationReport(
    int tokens, double meanChange, double worstChange, double nllBefore, double nllAfter) {
  /** What is compared on where nobody gives a text: Korean, English, numbers, code. */
  public static final String DEFAULT_TEXT =
      """
      서울의 겨울은 춥고 건조하지만 하늘이 맑은 날이 많다. 아침마다 버스 정류장에는 긴 줄이 생기고, \
      사람들은 따뜻한 커피를 손에 들고 회사로 향한다. 지난 2023년에는 첫눈이 11월 17일에 내렸다. \
      할머니는 김치를 담그시면서 옛날이야기를 들려주셨고, 우리는 모두 웃었다.
      The library was quiet that afternoon. Rain tapped against the windows while a student copied \
      out the same sentence three times, unsure where the comma belonged.
      def average(numbers):
          total = sum(numbers)
          return total / len(numbers) if numbers else 0.0
      """;

  /** Ids of a model without a tokenizer: as many as the text above has tokens, roughly. */
  private static final int RANDOM_TOKENS = 256;

  /**
   * Compares two models, one in memory after the other.
   *
   * @param before a model folder or GGUF file, usually the unquantized one
   * @param after another with the same vocabulary
   * @param tokens ids to score as they are; empty for {@link #DEFAULT_TEXT} after the start token,
   *     or, without a tokenizer, up to 256 random ids, the same each time
   * @param options threads, block sizes and type of both
   * @return the changes
   * @throws IOException names the file and the tensor or key that is wrong
   * @throws IllegalArgumentException for fewer than two ids
   */
  public static QuantizationReport compare(
      Path before, Path after, Optional<int[]> tokens, LoadOptions options) throws IOException {
    TextScore first;
    int[] ids;
    try (LanguageModel model = LanguageModel.open(before, options)) {
      ids = tokens.orElseGet(() -> defaultTokens(model));
      if (ids.length < 2) {
        throw new IllegalArgumentException(
            "tokens: " + ids.length + ", needed at least 2: the first follows nothing");
      }
      first = model.score(ids);
    }
    try (LanguageModel model = LanguageModel.open(after, options)) {
      return of(first, model.score(ids));
    }
  }

  private static int[] defaultTokens(LanguageModel model) {
    if (model.tokenizer().isPresent() && model.startToken().isPresent()) {
      return model.encodeAfterStart(DEFAULT_TEXT);
    }
    int count = Math.min(RANDOM_TOKENS, model.phi().config().maxPositionEmbeddings());
    return new Random(1).ints(count, 0, model.phi().config().vocabSize()).toArray();
  }

  static QuantizationReport of(TextScore before, TextScore after) {
    double sum = 0;
    double worst = 0;
    int count = 0;
    for (int i = 0; i < before.logProbabilities().size(); i++) {
      double change = before.logProbabilities().get(i) - after.logProbabilities().get(i);
      if (!Double.isNaN(change)) { // what follows nothing has no score
        sum += Math.abs(change);
        worst = Math.max(worst, Math.abs(change));
        count++;
      }
    }
    return new QuantizationReport(
        count,
        sum / count,
        worst,
        before.sum().nll().orElseThrow(),
        after.sum().nll().orElseThrow());
  }
}
