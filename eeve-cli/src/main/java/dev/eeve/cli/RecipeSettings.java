package dev.eeve.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** A step's settings, read by name; what nobody asked for is an error. */
final class RecipeSettings {
  private final Recipe.Step step;
  private final TreeSet<String> unread;

  RecipeSettings(Recipe.Step step) {
    this.step = step;
    this.unread = new TreeSet<>(step.settings().keySet());
  }

  private UsageException wrong(String key, Object found, String needed) {
    return new UsageException(
        "step %s: %s: %s, needed %s".formatted(step.name(), key, found, needed));
  }

  private Object required(String key, String needed) {
    unread.remove(key);
    Object value = step.settings().get(key);
    if (value == null) {
      throw wrong(key, "missing", needed);
    }
    return value;
  }

  List<String> texts(String key) {
    if (!(required(key, "a list") instanceof List<?> list) || list.isEmpty()) {
      throw wrong(key, step.settings().get(key), "a list");
    }
    return list.stream().map(Object::toString).toList();
  }

  List<Path> paths(String key) {
    return texts(key).stream().map(Path::of).toList();
  }

  Path path(String key) {
    return Path.of(required(key, "a path").toString());
  }

  List<Map<String, Object>> maps(String key) {
    if (!(required(key, "a list of keys with values") instanceof List<?> list)) {
      throw wrong(key, step.settings().get(key), "a list of keys with values");
    }
    return list.stream().map(entry -> Recipe.map(key, entry)).toList();
  }

  Map<String, Path> namedPaths(String key) {
    Map<String, Path> paths = new LinkedHashMap<>();
    if (!(required(key, "names with paths") instanceof Map<?, ?> map) || map.isEmpty()) {
      throw wrong(key, step.settings().get(key), "names with paths");
    }
    map.forEach((name, path) -> paths.put(name.toString(), Path.of(path.toString())));
    return paths;
  }

  int count(String key) {
    if (!(required(key, "a whole number") instanceof Integer count) || count < 1) {
      throw wrong(key, step.settings().get(key), "a whole number above 0");
    }
    return count;
  }

  double number(String key, double otherwise) {
    unread.remove(key);
    Object value = step.settings().get(key);
    if (value == null) {
      return otherwise;
    }
    if (!(value instanceof Number number)) {
      throw wrong(key, value, "a number");
    }
    return number.doubleValue();
  }

  /** Refuses keys that no reader asked for. */
  void finish() {
    if (!unread.isEmpty()) {
      throw wrong(unread.first(), "unknown key", "none such; remove it");
    }
  }
}
