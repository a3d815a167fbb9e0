package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.kernels.Simd;
import dev.eeve.model.PhiConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve info}: what a model folder holds, read from its headers alone. */
@Command(
    name = "info",
    description = "What a model is made of, and which kernels run.",
    mixinStandardHelpOptions = true)
final class InfoCommand extends BaseCommand {
  @Option(names = "--model", description = "A Hugging Face model folder.")
  private Path model;

  @Override
  public Integer call() throws IOException {
    Path folder = required(model);
    PhiConfig config = PhiConfig.read(folder.resolve("config.json"));
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    Map<String, Long> parts = new TreeMap<>();
    Map<String, Long> dtypes = new TreeMap<>();
    try (ModelFolder files = ModelFolder.open(folder)) {
      for (ResolvedTensor tensor :
          PhiTensorNames.resolve(files.path(), files.tensors(), config.dimensions()).values()) {
        String dtype = tensor.source().dtype().toString();
        dtypes.merge(dtype, tensor.byteSize(), Long::sum);
        long elements = tensor.byteSize() / tensor.source().dtype().bytes();
        parts.merge(part(tensor.name()), elements, Long::sum);
      }
    }
    root.put("parameters", config.parameterCount());
    ObjectNode byPart = root.putObject("parameters_by_part");
    parts.forEach(byPart::put);
    ObjectNode bytes = root.putObject("bytes_by_dtype");
    dtypes.forEach(bytes::put);
    root.put("vocab_size", config.vocabSize());
    root.put("max_position_embeddings", config.maxPositionEmbeddings());
    root.put("kernels", Simd.describe());
    if (json) {
      output.json(root);
    } else {
      root.properties().forEach(entry -> output.line(entry.getKey() + " " + entry.getValue()));
    }
    return 0;
  }

  private static String part(String tensor) {
    if (tensor.startsWith("model.layers.")) {
      return tensor.contains(".mlp.") ? "mlp" : tensor.contains("attn") ? "attention" : "norms";
    }
    return tensor.startsWith("lm_head") ? "head" : tensor.contains("norm") ? "norms" : "embedding";
  }
}
