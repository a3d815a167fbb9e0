package dev.eeve.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Turns a recipe's training step into the file that {@code eeve train} takes. */
final class TrainingSteps {
  private static final ObjectMapper YAML =
      new ObjectMapper(
          YAMLFactory.builder().disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER).build());

  private TrainingSteps() {}

  /**
   * Writes the file.
   *
   * @param settings the step's; a {@code model_config} that is no path but a config.json's content
   *     gets a file of its own
   * @param folder the step's, its {@code output_dir}
   * @param file to be written
   */
  static void write(Map<String, Object> settings, Path folder, Path file) throws IOException {
    Map<String, Object> all = new LinkedHashMap<>(settings);
    all.put("output_dir", folder.toString());
    if (all.get("model_config") instanceof Map<?, ?> config) {
      String name = folder.getFileName() + ".config.json";
      Path target = file.resolveSibling(name);
      RecipeRunner.writeJson(target, RecipeRunner.JSON.valueToTree(config));
      all.put("model_config", target.toString());
    }
    WholeFile.write(file, YAML.writeValueAsString(all));
  }
}
