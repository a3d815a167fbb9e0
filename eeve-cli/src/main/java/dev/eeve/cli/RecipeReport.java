package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A page of Markdown made of what steps found: every figure comes from a step's record. Sections in
 * the recipe's order, pictures beside the page.
 */
final class RecipeReport {
  private final Path page;
  private final StringBuilder text = new StringBuilder();

  private RecipeReport(Path page) {
    this.page = page;
  }

  /**
   * Writes the page.
   *
   * @param page the file
   * @param sections each a kind with its settings
   */
  static void write(Path page, List<Map<String, Object>> sections) throws IOException {
    RecipeReport report = new RecipeReport(page);
    for (Map<String, Object> section : sections) {
      if (section.size() != 1) {
        throw new UsageException("report: " + section.keySet() + ", needed one thing a section");
      }
      Map.Entry<String, Object> entry = section.entrySet().iterator().next();
      report.section(entry.getKey(), entry.getValue());
    }
    Files.createDirectories(page.toAbsolutePath().getParent());
    WholeFile.write(page, report.text.toString());
  }

  private void section(String kind, Object settings) throws IOException {
    text.append(text.isEmpty() ? "" : "\n");
    switch (kind) {
      case "text" -> text.append(settings.toString().strip()).append('\n');
      case "data" -> data(record(settings));
      case "points" -> points(Recipe.map(kind, settings));
      case "training" -> training(Recipe.map(kind, settings));
      case "comparison" -> comparison(Recipe.map(kind, settings));
      case "speed" -> speed(record(settings));
      case "samples" -> samples(record(settings));
      case "steps" -> steps(settings);
      default -> throw new UsageException("report: " + kind + ": unknown section");
    }
  }

  /** A step's record; the step is named by its folder. */
  private static JsonNode record(Object step) throws IOException {
    return RecipeRunner.JSON.readTree(Path.of(step + RecipeRunner.RECORD).toFile());
  }

  private static List<?> list(Object value) {
    return value instanceof List<?> list ? list : List.of(value);
  }

  /** What several steps measured, by the names of the models. */
  private static Map<String, JsonNode> measured(Object steps) throws IOException {
    Map<String, JsonNode> rows = new LinkedHashMap<>();
    for (Object step : list(steps)) {
      record(step).path("output").properties().forEach(e -> rows.put(e.getKey(), e.getValue()));
    }
    return rows;
  }

  private void row(List<String> cells) {
    text.append("| ").append(String.join(" | ", cells)).append(" |\n");
  }

  private void head(List<String> cells) {
    row(cells);
    text.append("|---").append("|---:".repeat(cells.size() - 1)).append("|\n");
  }

  private static String number(JsonNode value, int decimals) {
    return value.isNumber()
        ? String.format(Locale.ROOT, "%,." + decimals + "f", value.asDouble())
        : "–";
  }

  private static String number(double value, int decimals) {
    return String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }

  private void data(JsonNode split) {
    head(List.of("file", "SHA-256", "bytes", "trained on", "held out"));
    for (JsonNode file : split.path("output")) {
      row(
          List.of(
              file.path("file").asText(),
              "`" + file.path("sha256").asText() + "`",
              number(file.path("bytes"), 0),
              number(file.path("train_documents"), 0),
              number(file.path("held_out_documents"), 0)));
    }
  }

  /** A table of all models on all texts, and a picture of bits per byte. */
  private void points(Map<String, Object> settings) throws IOException {
    Map<String, JsonNode> rows = measured(settings.get("measured"));
    List<String> texts = names(rows.values().iterator().next());
    List<String> cells = new ArrayList<>(List.of(""));
    texts.forEach(name -> cells.add("bits/byte, " + name));
    texts.forEach(name -> cells.add("tokens/syllable, " + name));
    texts.forEach(name -> cells.add("tokens/eojeol, " + name));
    boolean[] empty = new boolean[cells.size()];
    List<List<String>> table = new ArrayList<>();
    for (Map.Entry<String, JsonNode> row : rows.entrySet()) {
      List<String> line = new ArrayList<>(List.of(row.getKey()));
      texts.forEach(name -> line.add(number(row.getValue().at("/" + name + "/bits_per_byte"), 3)));
      for (String key : List.of("/tokens_per_syllable", "/tokens_per_eojeol")) {
        texts.forEach(name -> line.add(number(row.getValue().at("/" + name + key), 2)));
      }
      table.add(line);
    }
    for (int i = 1; i < empty.length; i++) {
      int column = i;
      empty[i] = table.stream().allMatch(line -> line.get(column).equals("–"));
    }
    head(kept(cells, empty));
    table.forEach(line -> row(kept(line, empty)));
    if (settings.get("picture") != null) {
      String picture = settings.get("picture").toString();
      ReportPicture.draw(page.resolveSibling(picture), rows, texts);
      text.append("\n![bits per byte at each point](").append(picture).append(")\n");
    }
  }

  private static List<String> kept(List<String> cells, boolean[] empty) {
    List<String> kept = new ArrayList<>();
    for (int i = 0; i < cells.size(); i++) {
      if (!empty[i]) {
        kept.add(cells.get(i));
      }
    }
    return kept;
  }

  private static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** The picture that training drew. */
  private void training(Map<String, Object> settings) throws IOException {
    String picture = String.valueOf(settings.get("picture"));
    Path drawn = Path.of(String.valueOf(settings.get("of"))).resolve("training.png");
    Path target = page.resolveSibling(picture);
    Files.createDirectories(target.toAbsolutePath().getParent());
    WholeFile.write(target, Files.readAllBytes(drawn));
    text.append("![loss and learning rate](").append(picture).append(")\n");
  }

  /** Rows name a model that was measured and the step that trained it. */
  private void comparison(Map<String, Object> settings) throws IOException {
    Map<String, JsonNode> rows = measured(settings.get("measured"));
    Map<String, Object> trained = Recipe.map("rows", settings.get("rows"));
    List<String> texts = names(rows.values().iterator().next());
    List<String> cells = new ArrayList<>(List.of("", "updates", "tokens"));
    texts.forEach(name -> cells.add("bits/byte, " + name));
    head(cells);
    for (Map.Entry<String, Object> row : trained.entrySet()) {
      JsonNode values = rows.get(row.getKey());
      if (values == null) {
        throw new UsageException("report: comparison: " + row.getKey() + " was not measured");
      }
      long[] seen = seen(Path.of(row.getValue().toString()));
      List<String> line =
          new ArrayList<>(List.of(row.getKey(), number(seen[0], 0), number(seen[1], 0)));
      texts.forEach(name -> line.add(number(values.at("/" + name + "/bits_per_byte"), 3)));
      row(line);
    }
  }

  /** Updates and tokens of a training, over all its stages. */
  private static long[] seen(Path folder) throws IOException {
    Map<String, JsonNode> last = new LinkedHashMap<>();
    for (String line : Files.readAllLines(folder.resolve("metrics.jsonl"))) {
      JsonNode json = RecipeRunner.JSON.readTree(line);
      last.put(json.path("stage").asText(), json);
    }
    return new long[] {
      last.values().stream().mapToLong(json -> json.path("step").asLong()).sum(),
      last.values().stream().mapToLong(json -> json.path("tokens").asLong()).sum()
    };
  }

  private void speed(JsonNode sample) {
    head(List.of("", "characters/s", "tokens/s", "tokens a character"));
    for (Map.Entry<String, JsonNode> model : sample.path("output").properties()) {
      double characters = 0;
      double tokens = 0;
      double seconds = 0;
      for (JsonNode each : model.getValue()) {
        String written = each.path("text").asText();
        characters += written.codePointCount(0, written.length());
        tokens += each.path("tokens").asDouble();
        seconds += each.path("seconds").asDouble();
      }
      row(
          List.of(
              model.getKey(),
              number(characters / seconds, 0),
              number(tokens / seconds, 0),
              number(tokens / characters, 2)));
    }
  }

  private void samples(JsonNode sample) {
    for (Map.Entry<String, JsonNode> model : sample.path("output").properties()) {
      for (JsonNode each : model.getValue()) {
        text.append(each.path("seed").asText()).append(". **");
        text.append(escaped(each.path("prompt").asText())).append("**");
        text.append(escaped(each.path("text").asText())).append('\n');
      }
    }
  }

  /** What Markdown would take for its own. */
  private static String escaped(String written) {
    return written.replaceAll("\\s*\n\\s*", " ⏎ ").replaceAll("([\\\\`*_<>\\[\\]#|~])", "\\\\$1");
  }

  private void steps(Object steps) throws IOException {
    head(List.of("step", "wall s", "CPU s"));
    double wall = 0;
    double cpu = 0;
    for (Object step : list(steps)) {
      JsonNode record = record(step);
      wall += record.path("seconds").asDouble();
      cpu += record.path("cpu_seconds").asDouble();
      row(
          List.of(
              "`" + record.path("name").asText() + "`: " + record.path("kind").asText(),
              number(record.path("seconds"), 0),
              number(record.path("cpu_seconds"), 0)));
    }
    row(List.of("together", number(wall, 0), number(cpu, 0)));
  }
}
