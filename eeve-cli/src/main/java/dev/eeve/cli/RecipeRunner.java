package dev.eeve.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Runs a recipe's steps; a finished one leaves {@code NAME.step.json} and is not run again. */
final class RecipeRunner {
  /** For a step's record, and for the files of this package that hold results. */
  static final ObjectMapper JSON = new ObjectMapper();

  /** Ends the name of a finished step's record, beside its folder. */
  static final String RECORD = ".step.json";

  private final Recipe recipe;
  private final Console console;
  private final int threads;

  RecipeRunner(Recipe recipe, Console console, int threads) {
    this.recipe = recipe;
    this.console = console;
    this.threads = threads;
  }

  /** A step that did not come to its end; why has been said already. */
  static final class Stopped extends IOException {
    private static final long serialVersionUID = 1;

    Stopped(String message) {
      super(message);
    }
  }

  /**
   * Runs what is not done yet.
   *
   * @param resume whether the folder may hold steps of an earlier run
   */
  void run(boolean resume) throws IOException {
    Files.createDirectories(recipe.folder());
    if (!resume && !isEmpty(recipe.folder())) {
      throw new IllegalArgumentException(
          "folder: %s is not empty, needed an empty one; pass --resume to go on with it"
              .formatted(recipe.folder()));
    }
    for (Recipe.Step step : recipe.steps()) {
      Path record = recipe.folder().resolve(step.name() + RECORD);
      Path begun = recipe.folder().resolve(step.name() + ".begun");
      if (Files.exists(record)
          && JSON.readTree(record.toFile()).path("key").asText().equals(step.key())) {
        say(step.name() + ": done before");
        continue;
      }
      Files.deleteIfExists(record);
      boolean goesOn = Files.exists(begun) && Files.readString(begun).equals(step.key());
      if (!goesOn) {
        delete(recipe.folder().resolve(step.name()));
        Files.writeString(begun, step.key());
      }
      run(step, record, goesOn);
      Files.delete(begun);
    }
  }

  private void run(Recipe.Step step, Path record, boolean goesOn) throws IOException {
    Path folder = Files.createDirectories(recipe.folder().resolve(step.name()));
    say(step.name() + ": " + step.kind() + (goesOn ? ", going on" : ""));
    Instant start = Instant.now();
    Duration cpu = cpu();
    RecipeSteps steps = new RecipeSteps(recipe, folder, console, threads);
    ObjectNode result = JSON.createObjectNode();
    String command;
    switch (step.kind()) {
      case "train" -> {
        Path file = recipe.folder().resolve(step.name() + ".yaml");
        TrainingSteps.write(step.settings(), folder, file);
        List<String> arguments = List.of("train", file.toString(), "--resume");
        command = command(arguments);
        result.set("output", execute(step, command, arguments));
      }
      case "expand", "quantize" -> {
        List<String> arguments = arguments(step);
        command = command(arguments);
        result.set("output", execute(step, command, arguments));
      }
      default -> {
        command = "step " + step.name();
        result.set("output", steps.run(step));
      }
    }
    result.put("name", step.name()).put("kind", step.kind()).put("key", step.key());
    result.put("command", command).set("settings", JSON.valueToTree(step.settings()));
    result.put("finished", Instant.now().toString());
    result.put("seconds", Duration.between(start, Instant.now()).toMillis() / 1e3);
    result.put("cpu_seconds", cpu().minus(cpu).toMillis() / 1e3);
    writeJson(record, result);
  }

  private static Duration cpu() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
  }

  private void say(String text) {
    console.err().print("eeve: " + text + "\n");
  }

  private static String command(List<String> arguments) {
    return "./eeve " + String.join(" ", arguments);
  }

  /** The options of a command line, in the file's order; a list repeats after its name. */
  private static List<String> arguments(Recipe.Step step) {
    List<String> arguments = new ArrayList<>(List.of(step.kind()));
    for (Map.Entry<String, Object> option : step.settings().entrySet()) {
      if (option.getValue() instanceof Boolean given) {
        if (given) {
          arguments.add("--" + option.getKey());
        }
        continue;
      }
      arguments.add("--" + option.getKey());
      List<?> values =
          option.getValue() instanceof List<?> list ? list : List.of(option.getValue());
      values.forEach(value -> arguments.add(value.toString()));
    }
    return arguments;
  }

  /** Runs one of the tool's own commands; gives what it prints. */
  private JsonNode execute(Recipe.Step step, String shown, List<String> arguments)
      throws IOException {
    say(shown);
    List<String> all = new ArrayList<>(arguments);
    all.addAll(List.of("--threads", Integer.toString(threads)));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int code = Main.run(out, console.err(), all.toArray(String[]::new));
    if (code != 0) {
      throw new Stopped(
          "step %s stopped with exit code %d; mend what is said above and pass --resume"
              .formatted(step.name(), code));
    }
    String text = out.toString(StandardCharsets.UTF_8).strip();
    try {
      return text.startsWith("{") ? JSON.readTree(text) : TextNode.valueOf(text);
    } catch (JsonProcessingException e) {
      return TextNode.valueOf(text); // prose that begins like JSON
    }
  }

  static void writeJson(Path target, JsonNode json) throws IOException {
    WholeFile.write(target, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      return !entries.iterator().hasNext();
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
        for (Path entry : entries) {
          delete(entry);
        }
      }
    }
    Files.delete(folder);
  }
}
