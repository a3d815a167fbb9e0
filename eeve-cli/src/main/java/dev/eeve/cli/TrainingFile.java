package dev.eeve.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.eeve.training.TrainingPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A training configuration in YAML. */
final class TrainingFile {
  /** A key given twice and a second document are errors: one of them would be passed over. */
  private static final ObjectMapper YAML =
      new ObjectMapper(
              new YAMLFactory()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION.mappedFeature()))
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private TrainingFile() {}

  /** The stages it describes, once some {@code key=value} have replaced its own. */
  static List<TrainingPlan> plans(Path file, List<String> overrides) throws IOException {
    try {
      return TrainingPlan.parse(settings(file, overrides));
    } catch (IllegalArgumentException e) {
      throw new UsageException(file + ": " + e.getMessage());
    }
  }

  /** What a YAML file holds, once some {@code key=value} have replaced its own. */
  static Map<String, Object> settings(Path file, List<String> overrides) throws IOException {
    Map<String, Object> settings;
    try {
      settings = YAML.readValue(TextFiles.read(file), new TypeReference<>() {});
    } catch (JsonProcessingException e) {
      String at = e.getLocation() == null ? "" : ": line " + e.getLocation().getLineNr();
      throw new IOException(
          file + at + ": " + e.getOriginalMessage().lines().findFirst().orElse("not YAML"), e);
    }
    if (settings == null) {
      throw new UsageException(file + ": empty, needed keys and values");
    }
    for (String override : overrides) {
      int sign = override.indexOf('=');
      if (sign < 1) {
        throw new UsageException("--set: \"" + override + "\", needed key=value");
      }
      put(settings, override.substring(0, sign), value(override.substring(sign + 1), override));
    }
    return settings;
  }

  private static Object value(String yaml, String override) {
    try {
      return YAML.readValue(yaml, Object.class);
    } catch (JsonProcessingException e) {
      throw new UsageException("--set: \"" + override + "\", needed key=value in YAML");
    }
  }

  /** Puts a value under a key; {@code early_stop.window} leads into a map. */
  private static void put(Map<String, Object> settings, String key, Object value) {
    int dot = key.indexOf('.');
    if (dot < 0) {
      settings.put(key, value);
      return;
    }
    Map<String, Object> inner = new LinkedHashMap<>();
    if (settings.get(key.substring(0, dot)) instanceof Map<?, ?> map) {
      map.forEach((name, entry) -> inner.put(name.toString(), entry));
    }
    put(inner, key.substring(dot + 1), value);
    settings.put(key.substring(0, dot), inner);
  }
}
