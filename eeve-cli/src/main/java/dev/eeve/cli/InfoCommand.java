package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LoadOptions;
import dev.eeve.ModelInfo;
import dev.eeve.model.MemoryPlan;
import dev.eeve.training.EeveStage;
import dev.eeve.training.TrainingForecast;
import dev.eeve.training.TrainingPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code eeve info}: what a model holds or a training needs, read from headers alone. */
@Command(
    name = "info",
    description = "What a model is made of, which kernels run, what memory it needs.",
    mixinStandardHelpOptions = true)
final class InfoCommand extends BaseCommand {
  @Option(
      names = "--model",
      description = "A model folder or a .gguf file; the model that ships with the tool.")
  private Path model;

  @Option(
      names = "--plan",
      paramLabel = "CONFIG.yaml",
      description = "What eeve train would train with this file, and the memory it needs.")
  private Path plan;

  @Option(
      names = "--dtype",
      defaultValue = "auto",
      description = "auto, f32, f16, bf16, q8_0 or q4_0.")
  private String dtype;

  @Option(
      names = "--cache-type",
      defaultValue = "f32",
      description = "How keys and values are kept: f32, f16, bf16 or q8_0.")
  private String cacheType;

  @Mixin private PromptProducts promptProducts;

  @Override
  public Integer call() throws IOException {
    if (plan != null && model != null) {
      throw new UsageException("--plan: given with --model; choose one of them");
    }
    LoadOptions options = promptProducts.on(options(dtype, cacheType));
    ObjectNode root;
    if (plan == null) {
      root = document(withModel(model, path -> ModelInfo.read(path, options)), options.threads());
    } else {
      root = forecast(TrainingFile.plans(plan, List.of()), options.threads());
    }
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
    memory(root, info.memory());
    return root;
  }

  private static void memory(ObjectNode node, MemoryPlan plan) {
    ObjectNode memory = node.putObject("memory_bytes");
    for (MemoryPlan.Item item : plan.items()) {
      memory.put(item.name(), item.bytes());
    }
    memory.put("total", plan.bytes());
  }

  private static ObjectNode forecast(List<TrainingPlan> plans, int threads) throws IOException {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    long most = 0;
    ArrayNode stages = root.putArray("stages");
    for (TrainingForecast stage : TrainingForecast.of(plans, threads)) {
      ObjectNode node = stages.addObject();
      node.put("stage", stage.stage().map(EeveStage::number).orElse(null));
      node.put("trained_parameters", stage.trainedParameters());
      node.put("sequences", stage.sequences()).put("tokens", stage.tokens());
      memory(node, stage.memory());
      most = Math.max(most, stage.memory().bytes());
    }
    root.put("memory_bytes", most).put("threads", threads);
    return root;
  }

  private static String lower(Enum<?> name) {
    return name.name().toLowerCase(Locale.ROOT);
  }

  private void print(String indent, String key, JsonNode value) {
    if (value.isArray()) {
      value.forEach(entry -> print(indent, key, entry));
    } else if (value.isObject()) {
      output.line(indent + key);
      for (Map.Entry<String, JsonNode> entry : value.properties()) {
        print(indent + "  ", entry.getKey(), entry.getValue());
      }
    } else {
      output.line(indent + key + ": " + (value.isNull() ? "none" : value.asText()));
    }
  }
}
