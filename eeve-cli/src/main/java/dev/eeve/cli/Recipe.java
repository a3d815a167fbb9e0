package dev.eeve.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A recipe: steps in order, each with a folder of its own.
 *
 * @param folder where everything goes
 * @param steps in order
 */
record Recipe(Path folder, List<Step> steps) {
  private static final List<String> KINDS =
      List.of("split", "tokenizer", "train", "expand", "quantize", "measure", "sample", "report");

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*");
  private static final Pattern REFERENCE = Pattern.compile("\\$\\{([^}]*)}");
  private static final ObjectMapper SORTED =
      new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);

  /**
   * A step.
   *
   * @param name of it, and of its folder
   * @param kind what it does
   * @param settings with every reference filled in
   * @param key changes with the settings and with every step it refers to
   */
  record Step(String name, String kind, Map<String, Object> settings, String key) {}

  /** Reads a recipe; {@code key=value} replace values of the file. */
  static Recipe read(Path file, List<String> overrides) throws IOException {
    try {
      return parse(TrainingFile.settings(file, overrides));
    } catch (IllegalArgumentException e) {
      throw new UsageException(file + ": " + e.getMessage());
    }
  }

  private static Recipe parse(Map<String, Object> root) {
    for (String key : root.keySet()) {
      if (!List.of("folder", "values", "steps").contains(key)) {
        throw new IllegalArgumentException(
            key + ": unknown key, needed folder, values or steps; remove it");
      }
    }
    if (!(root.get("folder") instanceof String folder)) {
      throw new IllegalArgumentException("folder: missing, needed a folder's name");
    }
    if (!(root.get("steps") instanceof List<?> list) || list.isEmpty()) {
      throw new IllegalArgumentException("steps: missing, needed a list of steps");
    }
    Parser parser = new Parser(Path.of(folder));
    parser.values.put("folder", folder);
    map("values", root.getOrDefault("values", Map.of()))
        .forEach((name, value) -> parser.values.put(name, String.valueOf(value)));
    for (Object entry : list) {
      parser.add(entry);
    }
    return new Recipe(Path.of(folder), List.copyOf(parser.steps));
  }

  /** A map of the file, with its keys as text. */
  static Map<String, Object> map(String key, Object value) {
    if (!(value instanceof Map<?, ?> found)) {
      throw new IllegalArgumentException(key + ": " + value + ", needed keys with values");
    }
    Map<String, Object> map = new LinkedHashMap<>();
    found.forEach((name, entry) -> map.put(name.toString(), entry));
    return map;
  }

  /** Fills in references as the steps before it allow. */
  private static final class Parser {
    private final Path folder;
    private final Map<String, String> values = new LinkedHashMap<>();
    private final Map<String, String> keys = new LinkedHashMap<>();
    private final List<Step> steps = new ArrayList<>();

    Parser(Path folder) {
      this.folder = folder;
    }

    void add(Object entry) {
      Map<String, Object> step = map("steps", entry);
      if (!(step.remove("name") instanceof String name) || !NAME.matcher(name).matches()) {
        throw new IllegalArgumentException(
            "steps: " + entry + ": needed a name of letters, digits, dots and dashes");
      }
      if (step.size() != 1) {
        throw new IllegalArgumentException(
            "steps: " + name + ": " + step.keySet() + ", needed one thing to do beside name");
      }
      if (values.containsKey(name)) {
        throw new IllegalArgumentException("steps: " + name + ": twice; give each its own name");
      }
      String kind = step.keySet().iterator().next();
      if (!KINDS.contains(kind)) {
        throw new IllegalArgumentException(
            "steps: %s: %s: unknown, needed one of %s".formatted(name, kind, KINDS));
      }
      TreeSet<String> used = new TreeSet<>();
      Object settings = filled(name, step.get(kind), used);
      if (settings instanceof List<?> || settings == null) {
        throw new IllegalArgumentException("steps: " + name + ": " + kind + ": needed settings");
      }
      StringBuilder all = new StringBuilder(kind).append('\n').append(json(step.get(kind)));
      for (String reference : used) { // a step by what it does, a value by itself
        if (reference.equals("folder")) {
          continue; // the same work elsewhere
        }
        all.append('\n').append(keys.getOrDefault(reference, values.get(reference)));
      }
      Step made =
          new Step(
              name,
              kind,
              map(name, settings),
              Sha256.of(all.toString().getBytes(StandardCharsets.UTF_8)));
      steps.add(made);
      keys.put(name, made.key());
      values.put(name, folder.resolve(name).toString());
    }

    private Object filled(String step, Object value, TreeSet<String> used) {
      return switch (value) {
        case Map<?, ?> found -> {
          Map<String, Object> map = new LinkedHashMap<>();
          found.forEach((key, entry) -> map.put(key.toString(), filled(step, entry, used)));
          yield map;
        }
        case List<?> found -> found.stream().map(entry -> filled(step, entry, used)).toList();
        case String text -> {
          StringBuilder out = new StringBuilder();
          Matcher matcher = REFERENCE.matcher(text);
          while (matcher.find()) {
            String name = matcher.group(1);
            if (!values.containsKey(name)) {
              throw new IllegalArgumentException(
                  "steps: %s: ${%s} is neither a value nor a step before it; needed one of %s"
                      .formatted(step, name, values.keySet()));
            }
            used.add(name);
            matcher.appendReplacement(out, Matcher.quoteReplacement(values.get(name)));
          }
          yield matcher.appendTail(out).toString();
        }
        case null -> null;
        default -> value;
      };
    }
  }

  private static String json(Object value) {
    try {
      return SORTED.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("what YAML holds is always JSON", e);
    }
  }
}
