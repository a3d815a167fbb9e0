package dev.eeve.training;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.kernels.ElementType;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The keys of an adapter, as axolotl names them. */
final class AdapterKeys {
  private static final String ADAPTER = "adapter";

  /** The key of {@link #quantized}. */
  static final String BASE_DTYPE = "lora_base_dtype";

  /** Read where an adapter trains. */
  private static final List<String> SETTINGS =
      List.of(
          BASE_DTYPE,
          "lora_r",
          "lora_alpha",
          "lora_dropout",
          "lora_target_modules",
          "lora_target_linear",
          "lora_modules_to_save",
          "peft_use_rslora");

  /** Known, and refused unless they switch nothing on. */
  private static final List<String> UNSUPPORTED =
      List.of(
          "lora_model_dir",
          "lora_fan_in_fan_out",
          "lora_target_parameters",
          "peft_use_dora",
          "peft_layers_to_transform",
          "peft_layers_pattern",
          "peft_layer_replication",
          "peft_trainable_token_indices",
          "loraplus_lr_ratio",
          "loftq_config");

  private AdapterKeys() {}

  /** Leaves them to stage 6 where they stand beside a list of stages. */
  static void removeFrom(Map<String, Object> common) {
    common.remove(ADAPTER);
    SETTINGS.forEach(common::remove);
    UNSUPPORTED.forEach(common::remove);
  }

  static boolean anyIn(Map<String, Object> settings) {
    return settings.containsKey(ADAPTER) || SETTINGS.stream().anyMatch(settings::containsKey);
  }

  /**
   * The adapter that trains. Stage 6 has one unless {@code adapter} is none or blank; other stages
   * and {@code unfrozen_parameters} have none.
   */
  static Optional<LoraConfig> read(Settings s, Optional<EeveStage> stage) {
    for (String key : UNSUPPORTED) {
      s.value(key)
          .filter(found -> !found.equals(false))
          .ifPresent(
              found -> {
                throw new IllegalArgumentException(
                    key + ": " + found + " found, which is not supported; remove it");
              });
    }
    boolean sixth = stage.equals(Optional.of(EeveStage.ALL_LAYERS));
    String otherwise = sixth && !s.isBlank(ADAPTER) ? "lora" : "none";
    String found = s.text(ADAPTER).orElse(otherwise).toLowerCase(Locale.ROOT);
    switch (found) {
      case "lora", "qlora" -> {}
      case "none" -> {
        refuseSettings(s);
        return Optional.empty();
      }
      default -> throw Settings.failure(ADAPTER, found, "lora, qlora or none");
    }
    boolean body = sixth || stage.equals(Optional.of(EeveStage.BODY));
    if (stage.isPresent() && !body) {
      throw new IllegalArgumentException(
          "adapter: stage %d trains rows of the embeddings, needed stage 6 or 7; remove adapter"
              .formatted(stage.get().number()));
    }
    if (s.has("unfrozen_parameters")) {
      throw new IllegalArgumentException(
          "unfrozen_parameters: given with adapter, which trains alone; name whole modules in"
              + " lora_modules_to_save");
    }
    if (!s.has("base_model")) {
      throw new IllegalArgumentException(
          "adapter: needs base_model, random weights are nothing to adapt; name a model folder"
              + " or set adapter: none");
    }
    return Optional.of(config(s));
  }

  /** The blocks that the body's matrices are kept in: of 4 bits beside qlora, none beside lora. */
  static Optional<ElementType> quantized(Settings s, Optional<LoraConfig> adapter) {
    Optional<String> dtype = s.text(BASE_DTYPE).map(name -> name.toLowerCase(Locale.ROOT));
    if (adapter.isEmpty()) {
      return Optional.empty();
    }
    boolean qlora = s.text(ADAPTER).orElse("").equalsIgnoreCase("qlora");
    if (dtype.isPresent() && !qlora) {
      throw new IllegalArgumentException(
          BASE_DTYPE + ": given without adapter: qlora, which quantizes the base; remove it");
    }
    if (!qlora) {
      return Optional.empty();
    }
    return switch (dtype.orElse("q4_0")) {
      case "q4_0" -> Optional.of(ElementType.Q4_0);
      case "q8_0" -> Optional.of(ElementType.Q8_0);
      default -> throw Settings.failure(BASE_DTYPE, dtype.get(), "q4_0 or q8_0");
    };
  }

  private static void refuseSettings(Settings s) {
    for (String key : SETTINGS) {
      if (s.value(key).isPresent()) {
        throw new IllegalArgumentException(
            key + ": given without an adapter; set adapter: lora or remove it");
      }
    }
  }

  private static LoraConfig config(Settings s) {
    LoraConfig plain = LoraConfig.defaults();
    List<String> targets = s.texts("lora_target_modules");
    boolean all = s.flag("lora_target_linear", targets.isEmpty());
    if (all || targets.isEmpty() || targets.equals(List.of("all-linear"))) {
      targets = LoraConfig.ALL_LINEAR;
    }
    return new LoraConfig(
        s.count("lora_r", plain.r()),
        s.number("lora_alpha").orElse(plain.loraAlpha()),
        s.number("lora_dropout").orElse(plain.loraDropout()),
        s.flag("peft_use_rslora", plain.useRslora()),
        targets,
        s.texts("lora_modules_to_save"));
  }
}
