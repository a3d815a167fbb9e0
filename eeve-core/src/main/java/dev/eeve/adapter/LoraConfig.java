package dev.eeve.adapter;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * What an adapter is: {@code y = W x + b + s · B A x} beside the linear layers of the body it names
 * (Hu et al., 2021). Settings are named as axolotl names them, PEFT's spelling without {@code
 * lora_} where that differs.
 *
 * @param r width of the inner values, {@code lora_r}
 * @param loraAlpha the scale s is this ÷ r, {@code lora_alpha}
 * @param loraDropout share of an adapter's inputs dropped in training, {@code lora_dropout}
 * @param useRslora whether s is {@code loraAlpha} ÷ √r instead (Kalajdzievski, 2023), {@code
 *     peft_use_rslora}
 * @param targetModules the layers, by the end of their names, as PEFT matches them: {@code q_proj}
 *     or {@code layers.0.self_attn.q_proj}; {@code lora_target_modules}
 * @param modulesToSave what trains whole beside it, {@code embed_tokens} or {@code lm_head}; {@code
 *     lora_modules_to_save}
 */
public record LoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    boolean useRslora,
    List<String> targetModules,
    List<String> modulesToSave) {
  /** Every linear layer of the body. */
  public static final List<String> ALL_LINEAR =
      List.of("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2");

  /** What can be saved whole. */
  static final List<String> SAVEABLE = List.of("embed_tokens", "lm_head");

  /** More than any useful rank, and few enough for every size to be an int. */
  static final int MAX_RANK = 1 << 16;

  /** Checks the ranges. */
  public LoraConfig {
    targetModules = List.copyOf(targetModules);
    modulesToSave = List.copyOf(modulesToSave);
    check(r >= 1 && r <= MAX_RANK, "lora_r", r, "1 to " + MAX_RANK);
    check(loraAlpha > 0 && loraAlpha < 1e30, "lora_alpha", loraAlpha, "more than 0");
    check(loraDropout >= 0 && loraDropout < 1, "lora_dropout", loraDropout, "0 to less than 1");
    check(!targetModules.isEmpty(), "lora_target_modules", "none", "at least one");
    for (String module : modulesToSave) {
      check(SAVEABLE.contains(module), "lora_modules_to_save", module, String.join(", ", SAVEABLE));
    }
  }

  private static void check(boolean good, String name, Object found, String needed) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + found + ", needed " + needed);
    }
  }

  /**
   * Every linear layer of the body at the rank and scale of axolotl's example for Phi: r 64, alpha
   * 32, no dropout, nothing saved whole.
   *
   * @return the settings
   */
  public static LoraConfig defaults() {
    return new LoraConfig(64, 32, 0, false, ALL_LINEAR, List.of());
  }

  /**
   * The factor of an update.
   *
   * @return s
   */
  public float scale() {
    return (float) (loraAlpha / (useRslora ? Math.sqrt(r) : r));
  }

  /**
   * The layers that have an update.
   *
   * @param tensors the names of the model's, in the current Hugging Face layout
   * @return names such as {@code model.layers.7.self_attn.q_proj}, in the order of the tensors
   * @throws IllegalArgumentException names a target that is no linear layer of the body
   */
  public List<String> modules(Collection<String> tensors) {
    List<String> all = linears(tensors);
    for (String target : targetModules) {
      if (all.stream().noneMatch(module -> matches(target, module))) {
        throw new IllegalArgumentException(
            "lora_target_modules: \"%s\" names no linear layer of the body, needed %s%s"
                .formatted(
                    target,
                    String.join(", ", ALL_LINEAR),
                    SAVEABLE.contains(target) ? "; put it into lora_modules_to_save" : ""));
      }
    }
    return all.stream()
        .filter(module -> targetModules.stream().anyMatch(target -> matches(target, module)))
        .toList();
  }

  /** PEFT's rule for a list: the name or its end, from a dot on. */
  private static boolean matches(String target, String module) {
    return module.equals(target) || module.endsWith("." + target);
  }

  /** Every linear layer of the body. */
  static List<String> linears(Collection<String> tensors) {
    List<String> linears = new ArrayList<>();
    for (String name : tensors) {
      int end = name.length() - ".weight".length();
      if (name.endsWith(".weight") && ALL_LINEAR.contains(last(name.substring(0, end)))) {
        linears.add(name.substring(0, end));
      }
    }
    return linears;
  }

  private static String last(String name) {
    return name.substring(name.lastIndexOf('.') + 1);
  }
}
