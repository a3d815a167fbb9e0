package dev.eeve.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * PEFT's adapter_config.json. A key that would change what the adapter computes, and is not known
 * here, is refused by name unless its value switches nothing on.
 *
 * @param config what it says
 * @param targetsAreListed whether {@code target_modules} is a list; a pattern is not evaluated, the
 *     tensors then say which layers have an update
 */
record PeftConfigFile(LoraConfig config, boolean targetsAreListed) {
  static final String NAME = "adapter_config.json";

  private static final int MAX_BYTES = 16 << 20;

  /** Says nothing about what is computed. */
  private static final Set<String> INFORMATION =
      Set.of(
          "auto_mapping",
          "base_model_name_or_path",
          "inference_mode",
          "layers_pattern", // counts only with layers_to_transform
          "megatron_core",
          "peft_version",
          "qalora_group_size", // counts only with use_qalora
          "revision",
          "runtime_config");

  /** Starting points that the base's own weights are changed for. */
  private static final Set<String> CHANGED_BASE =
      Set.of("pissa", "olora", "loftq", "corda", "lora_ga");

  private static final Set<String> READ =
      Set.of(
          "peft_type",
          "task_type",
          "r",
          "lora_alpha",
          "lora_dropout",
          "use_rslora",
          "target_modules",
          "modules_to_save",
          "bias",
          "init_lora_weights");

  static PeftConfigFile read(Path folder) throws IOException {
    Path file = folder.resolve(NAME);
    if (!(StrictJson.read(file, MAX_BYTES) instanceof ObjectNode root)) {
      throw new CheckpointException(file, "no JSON object, needed PEFT's settings");
    }
    require(file, root, "peft_type", Set.of("LORA"), false);
    require(file, root, "task_type", Set.of("CAUSAL_LM"), true);
    require(file, root, "bias", Set.of("none"), true);
    JsonNode start = root.path("init_lora_weights");
    if (start.isTextual() && CHANGED_BASE.stream().anyMatch(start.textValue()::startsWith)) {
      throw failure(file, "init_lora_weights", start, "one that leaves the base as it is");
    }
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      boolean known = READ.contains(entry.getKey()) || INFORMATION.contains(entry.getKey());
      if (!known && !isNeutral(entry.getValue())) {
        throw new CheckpointException(
            file,
            "%s: %s, which is not supported; needed it absent, null, false or empty"
                .formatted(CheckpointException.quote(entry.getKey()), shown(entry.getValue())));
      }
    }
    JsonNode targets = root.path("target_modules");
    List<String> modules =
        targets.isArray() ? texts(file, "target_modules", targets) : LoraConfig.ALL_LINEAR;
    if (!targets.isArray() && !targets.isTextual()) {
      throw failure(file, "target_modules", targets, "a list of layers");
    }
    try {
      LoraConfig config =
          new LoraConfig(
              rank(file, root),
              number(file, root, "lora_alpha", 8),
              number(file, root, "lora_dropout", 0),
              flag(file, root, "use_rslora"),
              modules,
              texts(file, "modules_to_save", root.path("modules_to_save")));
      return new PeftConfigFile(config, targets.isArray());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file, e.getMessage());
    }
  }

  private static boolean isNeutral(JsonNode value) {
    return value.isNull()
        || value.isBoolean() && !value.booleanValue()
        || value.isContainerNode() && value.isEmpty();
  }

  private static void require(
      Path file, ObjectNode root, String key, Set<String> values, boolean optional)
      throws IOException {
    JsonNode found = root.path(key);
    boolean absent = found.isMissingNode() || found.isNull();
    if (absent ? !optional : !found.isTextual() || !values.contains(found.textValue())) {
      throw failure(file, key, found, String.join(" or ", values));
    }
  }

  /** PEFT's own default is 8. */
  private static int rank(Path file, ObjectNode root) throws IOException {
    JsonNode r = root.path("r");
    if (r.isMissingNode()) {
      return 8;
    }
    if (!r.isInt()) {
      throw failure(file, "r", r, "a whole number");
    }
    return r.intValue();
  }

  private static double number(Path file, ObjectNode root, String key, double otherwise)
      throws IOException {
    JsonNode found = root.path(key);
    if (found.isMissingNode()) {
      return otherwise;
    }
    if (!found.isNumber()) {
      throw failure(file, key, found, "a number");
    }
    return found.doubleValue();
  }

  private static boolean flag(Path file, ObjectNode root, String key) throws IOException {
    JsonNode found = root.path(key);
    if (!found.isMissingNode() && !found.isNull() && !found.isBoolean()) {
      throw failure(file, key, found, "true or false");
    }
    return found.booleanValue();
  }

  private static List<String> texts(Path file, String key, JsonNode found) throws IOException {
    List<String> texts = new ArrayList<>();
    boolean absent = found.isMissingNode() || found.isNull();
    if (!absent && !found.isArray()) {
      throw failure(file, key, found, "a list of names");
    }
    for (JsonNode entry : found) {
      if (!entry.isTextual()) {
        throw failure(file, key, entry, "names");
      }
      texts.add(entry.textValue());
    }
    return texts;
  }

  private static CheckpointException failure(Path file, String key, JsonNode found, String needed) {
    return new CheckpointException(file, key + ": " + shown(found) + ", needed " + needed);
  }

  private static String shown(JsonNode value) {
    return value.isMissingNode() ? "missing" : CheckpointException.quote(value.toString());
  }

  /** The file as PEFT writes it, keys sorted. */
  static byte[] write(LoraConfig config, String baseModel) throws IOException {
    ObjectNode root = StrictJson.MAPPER.createObjectNode();
    root.putObject("alpha_pattern");
    root.putNull("auto_mapping");
    root.put("base_model_name_or_path", baseModel);
    root.put("bias", "none");
    root.put("fan_in_fan_out", false);
    root.put("inference_mode", true);
    root.put("init_lora_weights", true);
    root.putNull("layer_replication").putNull("layers_pattern").putNull("layers_to_transform");
    root.putObject("loftq_config");
    number(config.loraAlpha())
        .ifPresentOrElse(
            whole -> root.put("lora_alpha", whole),
            () -> root.put("lora_alpha", config.loraAlpha()));
    root.put("lora_dropout", config.loraDropout());
    root.putNull("megatron_config").put("megatron_core", "megatron.core");
    if (config.modulesToSave().isEmpty()) {
      root.putNull("modules_to_save");
    } else {
      config.modulesToSave().forEach(root.putArray("modules_to_save")::add);
    }
    root.put("peft_type", "LORA").put("r", config.r());
    root.putObject("rank_pattern");
    root.putNull("revision");
    config.targetModules().forEach(root.putArray("target_modules")::add);
    root.put("task_type", "CAUSAL_LM");
    root.put("use_dora", false).put("use_rslora", config.useRslora());
    return StrictJson.MAPPER.writer(StrictJson.INDENTED).writeValueAsBytes(root);
  }

  private static Optional<Integer> number(double alpha) {
    return alpha == (int) alpha ? Optional.of((int) alpha) : Optional.empty();
  }
}
