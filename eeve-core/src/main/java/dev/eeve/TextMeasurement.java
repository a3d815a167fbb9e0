package dev.eeve;

import dev.eeve.evaluation.ScoreSum;
import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.TextUnits;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.function.LongConsumer;

/**
 * How a model and its tokenizer do on a text: what can be compared between vocabularies.
 *
 * @param score log-probabilities, each document after the start token
 * @param eojeols runs of characters without white space
 * @param syllables complete Hangul syllables
 */
public record TextMeasurement(ScoreSum score, long eojeols, long syllables) {
  /**
   * Scores every document of a file.
   *
   * @param model scores
   * @param file .txt, a document a line, or .jsonl; either one .gz
   * @param progress told from time to time how many bytes of the file have been read
   * @return the sums
   * @throws IOException names the file and the line that is wrong
   */
  public static TextMeasurement of(LanguageModel model, Path file, LongConsumer progress)
      throws IOException {
    ScoreSum[] sum = {ScoreSum.ZERO};
    TextUnits[] units = {TextUnits.ZERO};
    DocumentLines.forEachText(
        file,
        DocumentLines.isJson(file),
        progress,
        (text, place) -> {
          sum[0] = sum[0].plus(model.score(text).sum());
          units[0] = units[0].plus(TextUnits.of(text));
        });
    return new TextMeasurement(sum[0], units[0].eojeols(), units[0].syllables());
  }

  /**
   * Tokens for a Hangul syllable of the text.
   *
   * @return all tokens ÷ syllables; empty where the text has none
   */
  public OptionalDouble tokensPerSyllable() {
    return ratio(syllables);
  }

  /**
   * Tokens for a run of characters without white space.
   *
   * @return all tokens ÷ eojeols; empty where the text has none
   */
  public OptionalDouble tokensPerEojeol() {
    return ratio(eojeols);
  }

  private OptionalDouble ratio(long units) {
    return units == 0 ? OptionalDouble.empty() : OptionalDouble.of((double) score.tokens() / units);
  }
}
