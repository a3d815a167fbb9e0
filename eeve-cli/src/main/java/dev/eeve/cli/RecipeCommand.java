package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code eeve recipe}. */
@Command(
    name = "recipe",
    description = "Several steps in order, as a YAML file says.",
    mixinStandardHelpOptions = true)
final class RecipeCommand extends BaseCommand {
  @Parameters(paramLabel = "FILE.yaml", description = "folder, values and steps.")
  private Path file;

  @Option(
      names = "--set",
      paramLabel = "key=value",
      description = "A key that replaces the file's; a dot leads into a map.")
  private List<String> overrides = new ArrayList<>();

  @Option(names = "--resume", description = "Go on with the steps that are not done.")
  private boolean resume;

  @Override
  public Integer call() throws IOException {
    int count = options("auto").threads();
    Recipe recipe = Recipe.read(file, overrides);
    try {
      new RecipeRunner(recipe, console, count).run(resume);
    } catch (RecipeRunner.Stopped e) {
      console.err().print("eeve: " + e.getMessage() + "\n");
      return 1;
    }
    if (json) {
      output.json(document(recipe));
    } else {
      output.line(recipe.folder().toString());
    }
    return 0;
  }

  /** What the steps left, those of earlier runs included. */
  private static ObjectNode document(Recipe recipe) throws IOException {
    ObjectNode root = RecipeRunner.JSON.createObjectNode();
    root.put("folder", recipe.folder().toString());
    ObjectNode steps = root.putObject("steps");
    for (Recipe.Step step : recipe.steps()) {
      Path record = recipe.folder().resolve(step.name() + RecipeRunner.RECORD);
      steps.set(step.name(), RecipeRunner.JSON.readTree(record.toFile()));
    }
    return root;
  }
}
