package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LanguageModel;
import dev.eeve.evaluation.MultipleChoice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve eval}. */
@Command(
    name = "eval",
    description = "Multiple-choice tasks, scored by the log-likelihood of each choice.",
    mixinStandardHelpOptions = true)
final class EvalCommand extends BaseCommand {
  @Option(
      names = "--model",
      description = "A model folder or a .gguf file; the model that ships with the tool.")
  private Path model;

  @Option(
      names = "--tasks",
      required = true,
      description = "JSONL: {\"context\",\"choices\":[…],\"gold\":i} a line.")
  private Path tasks;

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

  @Override
  public Integer call() throws IOException {
    List<MultipleChoice.Task> all = MultipleChoice.read(tasks);
    try (OpenModel opened = open(model, dtype, adapters)) {
      LanguageModel language = opened.language();
      MultipleChoice.Result result =
          MultipleChoice.evaluate(
              all,
              language
                  .tokenizer()
                  .orElseThrow(() -> new UsageException("--model: no tokenizer, needed one")),
              language.startToken(),
              language.phi().config().maxPositionEmbeddings(),
              language::logProbabilities);
      ObjectNode root = JsonNodeFactory.instance.objectNode();
      root.put("tasks", result.tasks());
      root.put("acc", result.acc());
      root.put("acc_norm", result.accNorm());
      root.put("macro_f1", result.macroF1());
      if (json) {
        output.json(root);
      } else {
        root.properties()
            .forEach(
                entry ->
                    output.line(
                        entry.getValue().isDouble()
                            ? String.format(
                                Locale.ROOT, "%s %.4f", entry.getKey(), entry.getValue().asDouble())
                            : entry.getKey() + " " + entry.getValue()));
      }
    }
    return 0;
  }
}
