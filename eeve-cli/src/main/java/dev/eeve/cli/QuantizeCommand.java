package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.GgufExport;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.NormalFloatExport;
import dev.eeve.QuantizationReport;
import dev.eeve.checkpoint.DType;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve quantize}. */
@Command(
    name = "quantize",
    description = "Write a model as one GGUF file, or as a folder of NF4, tokenizer included.",
    mixinStandardHelpOptions = true)
final class QuantizeCommand extends BaseCommand {
  private static final Map<String, DType> TYPES =
      Map.of("q8_0", DType.Q8_0, "q4_0", DType.Q4_0, "f16", DType.F16, "bf16", DType.BF16);

  @Option(
      names = "--model",
      description = "A model folder or a .gguf file; the model that ships with the tool.")
  private Path model;

  @Option(names = "--type", required = true, description = "q8_0, q4_0, f16 or bf16; nf4.")
  private String type;

  @Option(
      names = "--token-embedding-type",
      description = "Another type for embed_tokens, which may keep more bits.")
  private String embeddingType;

  @Option(
      names = "--output-tensor-type",
      description = "Another type for lm_head, which may keep more bits.")
  private String headType;

  @Option(
      names = "--output",
      required = true,
      description = "The .gguf file to write; nf4: folder.")
  private Path file;

  @Option(
      names = "--report",
      description =
          "Signal-to-noise ratios by layer, and how log-probabilities change, on a text of the"
              + " tool's own unless one is given.")
  private boolean report;

  @ArgGroup private Subject subject;

  /** At most one of them. */
  static final class Subject {
    @Option(names = "--report-file", description = "A text to report on.")
    private Path file;

    @Option(names = "--report-tokens", description = "Token ids to report on, as 1,2,3.")
    private String tokens;
  }

  @Override
  public Integer call() throws IOException {
    if (type.equals("nf4")) {
      return normalFloat();
    }
    GgufExport.Types types =
        new GgufExport.Types(
            type("--type", type, " or nf4"),
            type("--token-embedding-type", embeddingType == null ? type : embeddingType, ""),
            type("--output-tensor-type", headType == null ? type : headType, ""));
    if (subject != null && !report) {
      throw new UsageException("--report-file and --report-tokens: go with --report");
    }
    return withModel(model, path -> write(path, types));
  }

  private static DType type(String option, String name, String more) {
    DType type = TYPES.get(name);
    if (type == null) {
      throw new UsageException(
          option
              + ": "
              + name
              + ", needed q8_0, q4_0, f16"
              + (more.isEmpty() ? " or bf16" : ", bf16" + more));
    }
    return type;
  }

  private int write(Path model, GgufExport.Types types) throws IOException {
    LoadOptions options = options("auto");
    int[] given =
        subject == null || subject.tokens == null ? null : ids("--report-tokens", subject.tokens);
    Optional<int[]> subjects = report ? tokens(model, given) : Optional.empty();
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    SequencedMap<String, Double> ratios;
    try (Progress progress = new Progress(console)) {
      ratios =
          GgufExport.write(
              model,
              types,
              file,
              report,
              (done, total) -> progress.update("quantizing", done, total));
    } catch (IllegalArgumentException e) {
      throw Messages.under("--output", "output", e);
    }
    root.put("output", file.toString());
    root.put("type", type);
    root.put("bytes", Files.size(file));
    if (report) {
      try {
        put(root, ratios, QuantizationReport.compare(model, file, subjects, options));
      } catch (IllegalArgumentException e) {
        throw Messages.under(given != null ? "--report-tokens" : "--report-file", "tokens", e);
      }
    }
    print(root);
    return 0;
  }

  /** bitsandbytes' format is a folder's, not GGUF's. */
  private int normalFloat() throws IOException {
    if (embeddingType != null || headType != null) {
      throw new UsageException(
          "--token-embedding-type and --output-tensor-type: are of GGUF files, not of nf4");
    }
    if (report) {
      throw new UsageException("--report: is of GGUF files, not of nf4; leave it out");
    }
    try (Progress progress = new Progress(console)) {
      NormalFloatExport.write(
          required(model), file, (done, total) -> progress.update("quantizing", done, total));
    } catch (IllegalArgumentException e) {
      throw Messages.under("--output", "output", Messages.under("--model", "model", e));
    }
    if (json) {
      ObjectNode root = JsonNodeFactory.instance.objectNode();
      output.json(root.put("output", file.toString()).put("type", type));
    } else {
      output.line(file.toString());
    }
    return 0;
  }

  private Optional<int[]> tokens(Path model, int[] given) throws IOException {
    if (subject == null || subject.file == null) {
      return Optional.ofNullable(given);
    }
    Tokenizer tokenizer =
        LanguageModel.readTokenizer(model)
            .orElseThrow(() -> new UsageException("--report-file: the model has no tokenizer"));
    return Optional.of(tokenizer.encode(TextFiles.read(subject.file)));
  }

  private static void put(
      ObjectNode root, SequencedMap<String, Double> ratios, QuantizationReport changes) {
    ObjectNode parts = root.putObject("signal_to_noise_db");
    ratios.forEach(
        (part, ratio) -> parts.put(part, Double.isInfinite(ratio) ? null : rounded(ratio)));
    ObjectNode change = root.putObject("log_probabilities");
    change.put("tokens", changes.tokens());
    change.put("mean_change", changes.meanChange());
    change.put("worst_change", changes.worstChange());
    change.put("nll_before", changes.nllBefore());
    change.put("nll_after", changes.nllAfter());
  }

  private static double rounded(double ratio) {
    return Math.round(ratio * 100) / 100.0;
  }

  private void print(ObjectNode root) {
    if (json) {
      output.json(root);
      return;
    }
    output.line(file + ": " + type + ", " + root.get("bytes") + " bytes");
    for (Map.Entry<String, JsonNode> part : root.path("signal_to_noise_db").properties()) {
      output.line(
          "%s: %s"
              .formatted(
                  part.getKey(),
                  part.getValue().isNull() ? "nothing lost" : part.getValue() + " dB"));
    }
    for (Map.Entry<String, JsonNode> change : root.path("log_probabilities").properties()) {
      JsonNode value = change.getValue();
      output.line(
          change.getKey()
              + ": "
              + (value.isInt() ? value : String.format(Locale.ROOT, "%.5f", value.asDouble())));
    }
  }
}
