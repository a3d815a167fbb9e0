package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LoadOptions;
import dev.eeve.ModelInfo;
import dev.eeve.model.MemoryPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve info}: what a model holds, read from its headers alone. */
@Command(
    name = "info",
    description = "What a model is made of, which kernels run, what memory it needs.",
    mixinStandardHelpOptions = true)
final class InfoCommand extends BaseCommand {
  @Option(names = "--model", description = "A Hugging Face model folder or a .gguf file.")
  private Path model;

  @Option(names = "--plan", hidden = true)
  private Path plan;

  @Option(names = "--dtype", defaultValue = "auto", description = "auto, f32, f16 or bf16.")
  private String dtype;

  @Override
  public Integer call() throws IOException {
    notYet(plan != null, "--plan", "use --model");
    Path path = required(model);
    LoadOptions options = options(dtype);
    ModelInfo info = ModelInfo.read(path, options);
    ObjectNode root = document(info, options.threads());
    if (json) {
      output.json(root);
    } else {
      root.properties().forEach(entry -> print("", entry.getKey(), entry.getValue()));
    }
    return 0;
  }

  private static ObjectNode document(ModelInfo info, int threads) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("parameters", info.config().parameterCount());
    ObjectNode parts = root.putObject("parameters_by_part");
    info.parametersByPart().forEach(parts::put);
    ObjectNode dtypes = root.putObject("file_bytes_by_dtype");
    info.bytesByDtype().forEach((type, bytes) -> dtypes.put(lower(type), bytes));
    root.put("dtype", lower(info.dtype()));
    root.put("vocab_size", info.config().vocabSize());
    if (info.tokens().isPresent()) {
      root.put("tokens", info.tokens().getAsInt());
      root.put("added_tokens", info.addedTokens().getAsInt());
    } else {
      root.putNull("tokens").putNull("added_tokens");
    }
    root.put("max_position_embeddings", info.config().maxPositionEmbeddings());
    root.put("kernels", info.kernels());
    root.put("threads", threads);
    ObjectNode memory = root.putObject("memory_bytes");
    for (MemoryPlan.Item item : info.memory().items()) {
      memory.put(item.name(), item.bytes());
    }
    memory.put("total", info.memory().bytes());
    return root;
  }

  private static String lower(Enum<?> name) {
    return name.name().toLowerCase(Locale.ROOT);
  }

  private void print(String indent, String key, JsonNode value) {
    if (value.isObject()) {
      output.line(indent + key);
      for (Map.Entry<String, JsonNode> entry : value.properties()) {
        print(indent + "  ", entry.getKey(), entry.getValue());
      }
    } else {
      output.line(indent + key + ": " + (value.isNull() ? "no tokenizer" : value.asText()));
    }
  }
}
