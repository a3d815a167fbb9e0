package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LanguageModel;
import dev.eeve.TextDocuments;
import dev.eeve.evaluation.ScoreSum;
import dev.eeve.evaluation.TextScore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code eeve score}. */
@Command(
    name = "score",
    description = "Log-probabilities of a text's tokens.",
    mixinStandardHelpOptions = true)
final class ScoreCommand extends BaseCommand {
  @Option(
      names = "--model",
      description = "A model folder or a .gguf file; the model that ships with the tool.")
  private Path model;

  @ArgGroup(multiplicity = "1")
  private Input input;

  /** Exactly one of them. */
  static final class Input {
    @Option(names = "--text", description = "The text.")
    private String text;

    @Option(names = "--file", description = "A file, a document a line.")
    private Path file;

    @Option(names = "--tokens", description = "Token ids, scored as given.")
    private String tokens;
  }

  @Option(names = "--logits", description = "Write tensor logits, F32 (T, V), to this file.")
  private Path logits;

  @Option(
      names = "--dtype",
      defaultValue = "auto",
      description = "auto, f32, f16, bf16, q8_0 or q4_0.")
  private String dtype;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description = "A PEFT adapter's folder; several add up.")
  private List<Path> adapters = List.of();

  @Mixin private PromptProducts promptProducts;

  @Override
  public Integer call() throws IOException {
    if (logits != null && input.file != null) {
      throw new UsageException("--logits: goes with --text or --tokens, not with --file");
    }
    int[] given = input.tokens == null ? null : ids("--tokens", input.tokens);
    try (OpenModel opened = open(model, promptProducts.on(options(dtype)), adapters)) {
      LanguageModel language = opened.language();
      print(input.file != null ? documents(language) : single(language, given));
    } catch (IllegalArgumentException e) {
      String option = given != null ? "--tokens" : input.file != null ? "--file" : "--text";
      throw Messages.under(option, "tokens", Messages.under(option, "text", e));
    }
    return 0;
  }

  private ObjectNode documents(LanguageModel language) throws IOException {
    ScoreSum[] sum = {ScoreSum.ZERO};
    try (Progress progress = new Progress(console)) {
      TextDocuments.forEachLine(
          input.file,
          done -> progress.update("scoring", done, input.file.toFile().length()),
          (text, place) -> sum[0] = sum[0].plus(language.score(text).sum()));
    }
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("documents", sum[0].documents());
    root.put("tokens", sum[0].tokens());
    root.put("bytes", sum[0].bytes());
    return addTo(root, sum[0]);
  }

  private ObjectNode single(LanguageModel language, int[] given) throws IOException {
    if (logits != null) {
      int[] tokens = given != null ? given : language.encodeAfterStart(input.text);
      language.writeLogits(tokens, logits);
    }
    TextScore score = given != null ? language.score(given) : language.score(input.text);
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.set("tokens", Output.array(score.tokens()));
    ArrayNode logprobs = root.putArray("logprobs");
    for (double logprob : score.logProbabilities()) {
      if (Double.isNaN(logprob)) {
        logprobs.addNull();
      } else {
        logprobs.add(logprob);
      }
    }
    return addTo(root, score.sum());
  }

  private static ObjectNode addTo(ObjectNode root, ScoreSum sum) {
    put(root, "nll", sum.nll());
    put(root, "perplexity", sum.perplexity());
    put(root, "bits_per_byte", sum.bitsPerByte());
    return root;
  }

  private static void put(ObjectNode root, String key, OptionalDouble value) {
    if (value.isPresent()) {
      root.put(key, value.getAsDouble());
    } else {
      root.putNull(key);
    }
  }

  private void print(ObjectNode root) {
    if (json) {
      output.json(root);
      return;
    }
    root.properties()
        .forEach(
            entry ->
                output.line(
                    entry.getKey()
                        + " "
                        + (entry.getValue().isDouble()
                            ? String.format(Locale.ROOT, "%.6f", entry.getValue().doubleValue())
                            : entry.getValue().toString())));
  }
}
