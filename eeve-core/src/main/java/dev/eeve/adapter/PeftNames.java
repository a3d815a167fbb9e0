package dev.eeve.adapter;

/** The names of PEFT's tensors. */
public final class PeftNames {
  /** PEFT's wrapper around a tuner around a model. */
  static final String PREFIX = "base_model.model.";

  static final String A = ".lora_A.weight";
  static final String B = ".lora_B.weight";

  private PeftNames() {}

  /**
   * The matrix that is met first.
   *
   * @param module as {@code model.layers.7.self_attn.q_proj}
   * @return the name of A (r, K)
   */
  public static String a(String module) {
    return PREFIX + module + A;
  }

  /**
   * The matrix that is met second.
   *
   * @param module as {@code model.layers.7.self_attn.q_proj}
   * @return the name of B (N, r)
   */
  public static String b(String module) {
    return PREFIX + module + B;
  }

  /**
   * A tensor that is saved whole.
   *
   * @param tensor as {@code lm_head.bias}
   * @return its name
   */
  public static String saved(String tensor) {
    return PREFIX + tensor;
  }
}
