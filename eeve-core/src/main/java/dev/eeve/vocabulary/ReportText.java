package dev.eeve.vocabulary;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The readable summary of an expansion. */
final class ReportText {
  private static final int SHOWN = 20;

  private ReportText() {}

  static String of(ExpansionReport report) {
    StringBuilder out = new StringBuilder();
    CorpusTotals corpus = report.corpus();
    line(
        out,
        "corpus: %,d documents, %,d bytes; %,d held out; %,d bad lines skipped",
        corpus.documents(),
        corpus.bytes(),
        corpus.heldOut().documents(),
        corpus.badLines());
    line(
        out,
        "learnt from %,d words (%,d bytes, each seen at least %,d times): %,d candidates",
        report.training().words(),
        report.training().wordBytes(),
        report.training().leastCount(),
        report.training().merges());
    line(out, "round  candidates  tokens/syllable  dropped  added  kept");
    for (ExpansionReport.Round round : report.rounds()) {
      line(
          out,
          "%5d  %10d  %15.4f  %7d  %5d  %4d",
          round.round(),
          round.candidates(),
          round.tokensPerSyllable(),
          round.dropped().size(),
          round.added().size(),
          round.kept());
    }
    line(
        out,
        report.fixpoint()
            ? "fixpoint reached: the last round changed nothing"
            : "no fixpoint: the loop was stopped by max_rounds %d; the last round dropped or added"
                + " what its table says",
        report.config().maxRounds());
    line(
        out,
        "%,d new ids from %d: %,d are parts of characters, %,d merge steps below the threshold %,d;"
            + " %d special",
        report.newIds(),
        report.firstNewId(),
        report.partTokens(),
        report.stepTokens(),
        report.minCount(),
        report.specialTokens().size());
    if (!report.unreachableCharacters().isEmpty()) {
      line(
          out,
          "%d frequent characters stay in pieces, since no first merge of theirs is Korean alone: %s",
          report.unreachableCharacters().size(),
          report.unreachableCharacters().stream()
              .limit(SHOWN)
              .map(ExpansionReport.Change::text)
              .collect(Collectors.joining(" ")));
    }
    line(out, "vocab_size %d, before %d", report.vocabSize(), report.baseVocabSize());
    heldOut(out, report.heldOut());
    List<ExpansionReport.Token> byCount =
        report.tokens().stream()
            .sorted(Comparator.comparingLong((ExpansionReport.Token token) -> -token.count()))
            .toList();
    line(out, "most frequent: %s", show(byCount.stream().limit(SHOWN).toList()));
    line(out, "least frequent: %s", show(byCount.reversed().stream().limit(SHOWN).toList()));
    for (ExpansionReport.Example example : report.examples()) {
      line(out, "before: %s", example.before());
      line(out, "after:  %s", example.after());
    }
    return out.toString();
  }

  private static void heldOut(StringBuilder out, ExpansionReport.HeldOutFigures figures) {
    if (figures.syllables() == 0) {
      line(out, "no Korean text was held out, so there is nothing to measure on");
      return;
    }
    line(out, "held-out text: %,d documents, %,d bytes", figures.documents(), figures.bytes());
    line(out, "tokens per     before   after");
    ratios(out, "syllable", figures, figures.syllables());
    ratios(out, "eojeol", figures, figures.eojeols());
    ratios(out, "byte", figures, figures.bytes());
  }

  private static void ratios(
      StringBuilder out, String name, ExpansionReport.HeldOutFigures figures, long units) {
    line(
        out,
        "  %-10s %8.4f  %6.4f",
        name,
        (double) figures.tokensBefore() / units,
        (double) figures.tokensAfter() / units);
  }

  private static String show(List<ExpansionReport.Token> tokens) {
    return tokens.stream()
        .map(token -> "\"" + token.text() + "\" " + token.count())
        .collect(Collectors.joining(", "));
  }

  private static void line(StringBuilder out, String format, Object... values) {
    out.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
