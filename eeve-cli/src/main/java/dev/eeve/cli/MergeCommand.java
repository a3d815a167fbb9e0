package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.AdapterMerge;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve merge}. */
@Command(
    name = "merge",
    description = "Add an adapter to a model's weights and write the sum as a model folder.",
    mixinStandardHelpOptions = true)
final class MergeCommand extends BaseCommand {
  @Option(names = "--model", description = "An unquantized Hugging Face model folder.")
  private Path model;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      required = true,
      description = "A PEFT adapter's folder.")
  private Path adapter;

  @Option(names = "--output", required = true, description = "The folder to write.")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    int own = options("auto").threads();
    try {
      AdapterMerge.write(required(model), adapter, folder, own);
    } catch (IllegalArgumentException e) {
      throw Messages.under(
          "--adapter",
          "adapter",
          Messages.under("--output", "output", Messages.under("--model", "model", e)));
    }
    if (json) {
      ObjectNode root = JsonNodeFactory.instance.objectNode();
      output.json(root.put("output", folder.toString()));
    } else {
      output.line(folder.toString());
    }
    return 0;
  }
}
