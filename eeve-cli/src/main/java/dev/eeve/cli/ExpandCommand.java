package dev.eeve.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.vocabulary.CorpusTotals;
import dev.eeve.vocabulary.ExpansionConfig;
import dev.eeve.vocabulary.ExpansionReport;
import dev.eeve.vocabulary.VocabularyExpander;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve expand}. */
@Command(
    name = "expand",
    description = "A corpus in, a model folder with a wider vocabulary out.",
    mixinStandardHelpOptions = true)
final class ExpandCommand extends BaseCommand {
  @Option(names = "--model", description = "The base: a Hugging Face model folder.")
  private Path model;

  @Option(names = "--corpus", arity = "1..*", description = ".txt, .jsonl, either one .gz.")
  private List<Path> corpus = new ArrayList<>();

  @Option(names = "--output", description = "The new model folder.")
  private Path folder;

  @Option(
      names = "--intermediate-vocab-size",
      description = "Merges learnt on top of the base; 40000.")
  private Integer intermediateVocabSize;

  @Option(names = "--min-count", description = "Drop new tokens seen fewer times.")
  private Long minCount;

  @Option(names = "--min-char-count", description = "Add characters seen more often.")
  private Long minCharCount;

  @Option(names = "--max-added-tokens", description = "The most new ids.")
  private Integer maxAddedTokens;

  @Option(names = "--first-new-id", description = "number_of_old_tokens.")
  private Integer firstNewId;

  @Option(names = "--pad-to-multiple-of", description = "Rows of the new matrices; 64.")
  private Integer padToMultipleOf;

  @Option(names = "--merges", defaultValue = "continued", description = "continued or independent.")
  private String merges;

  @Option(names = "--special-tokens", defaultValue = "eeve", description = "eeve or none.")
  private String specialTokens;

  @Option(names = "--bad-lines", defaultValue = "error", description = "error or skip.")
  private String badLines;

  @Option(names = "--held-out", description = "A text to measure on instead of held-out documents.")
  private Path heldOut;

  @Option(
      names = "--initialization",
      defaultValue = "sub-tokens",
      description = "sub-tokens, or random to compare with.")
  private String initialization;

  @Option(names = "--seed", defaultValue = "42", description = "Of random initialization.")
  private long seed;

  @Option(names = "--counts-only", description = "Write counts of this corpus to a file, no more.")
  private Path countsOnly;

  @Option(names = "--counts", arity = "1..*", description = "Counts to add up.")
  private List<Path> counts = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    if (required(model).toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
      throw new UsageException(
          "--model: " + model + ": expanding writes a model folder, needed one to start from");
    }
    if ((folder == null) == (countsOnly == null)) {
      throw new UsageException("--output: needed it or --counts-only, and not both");
    }
    if (countsOnly != null && !counts.isEmpty()) {
      throw new UsageException("--counts: goes with --output, not with --counts-only");
    }
    if (corpus.isEmpty() && counts.isEmpty()) {
      throw new UsageException("--corpus: missing; pass .txt or .jsonl files");
    }
    try {
      if (countsOnly != null) {
        print(count());
      } else {
        print(expand());
      }
    } catch (IllegalArgumentException e) {
      throw new UsageException(e.getMessage());
    }
    return 0;
  }

  private CorpusTotals count() throws IOException {
    try (Progress progress = new Progress(console)) {
      return expander(progress).count(corpus, countsOnly);
    }
  }

  private ExpansionReport expand() throws IOException {
    try (Progress progress = new Progress(console)) {
      return expander(progress).expand(corpus, counts, folder);
    }
  }

  private VocabularyExpander expander(Progress progress) throws IOException {
    VocabularyExpander expander = VocabularyExpander.open(model, config());
    expander.onProgress(progress::update);
    switch (initialization.toLowerCase(Locale.ROOT)) {
      case "sub-tokens" -> {}
      case "random" -> expander.initializeRandomly(seed);
      default ->
          throw new UsageException(
              "--initialization: " + initialization + ", needed sub-tokens or random");
    }
    if (heldOut != null) {
      expander.measureOn(heldOut);
    }
    return expander;
  }

  private ExpansionConfig config() {
    ExpansionConfig config = ExpansionConfig.defaults().withThreads(options("auto").threads());
    config =
        switch (merges.toLowerCase(Locale.ROOT)) {
          case "continued" -> config.withMerges(ExpansionConfig.MergeSource.CONTINUED);
          case "independent" -> config.withMerges(ExpansionConfig.MergeSource.INDEPENDENT);
          default ->
              throw new UsageException("--merges: " + merges + ", needed continued or independent");
        };
    config =
        switch (specialTokens.toLowerCase(Locale.ROOT)) {
          case "eeve" -> config;
          case "none" -> config.withSpecialTokens(List.of());
          default ->
              throw new UsageException(
                  "--special-tokens: " + specialTokens + ", needed eeve or none");
        };
    config =
        switch (badLines.toLowerCase(Locale.ROOT)) {
          case "error" -> config;
          case "skip" -> config.withSkipBadLines(true);
          default ->
              throw new UsageException("--bad-lines: " + badLines + ", needed error or skip");
        };
    return withNumbers(config);
  }

  private ExpansionConfig withNumbers(ExpansionConfig given) {
    ExpansionConfig config = given;
    if (intermediateVocabSize != null) {
      config = config.withIntermediateVocabSize(intermediateVocabSize);
    }
    if (minCount != null) {
      config = config.withMinCount(minCount);
    }
    if (minCharCount != null) {
      config = config.withMinCharCount(minCharCount);
    }
    if (maxAddedTokens != null) {
      config = config.withMaxAddedTokens(maxAddedTokens);
    }
    if (firstNewId != null) {
      config = config.withFirstNewId(firstNewId);
    }
    return padToMultipleOf == null ? config : config.withPadToMultipleOf(padToMultipleOf);
  }

  private void print(CorpusTotals totals) {
    if (json) {
      ObjectNode root = JsonNodeFactory.instance.objectNode();
      root.put("documents", totals.documents()).put("bytes", totals.bytes());
      root.put("held_out_documents", totals.heldOut().documents());
      root.put("bad_lines", totals.badLines());
      output.json(root);
    } else {
      output.line(
          "%d documents, %d bytes counted; %d documents held out; %d bad lines skipped"
              .formatted(
                  totals.documents(),
                  totals.bytes(),
                  totals.heldOut().documents(),
                  totals.badLines()));
    }
  }

  private void print(ExpansionReport report) throws IOException {
    if (!report.fixpoint()) {
      System.err.println("eeve: warning: the refinement loop reached no fixpoint; see the rounds");
    }
    if (json) {
      output.json(new ObjectMapper().readTree(report.toJson()));
    } else {
      output.text(report.summary());
    }
  }
}
