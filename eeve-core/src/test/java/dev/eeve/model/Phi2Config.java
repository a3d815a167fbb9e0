package dev.eeve.model;

import dev.eeve.checkpoint.CheckpointException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** phi-2's own config.json, and variations of it. */
final class Phi2Config {
  static final Path FILE = Path.of("config.json");

  static final String JSON =
      """
      {
        "architectures": ["PhiForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": 50256,
        "embd_pdrop": 0.0,
        "eos_token_id": 50256,
        "hidden_act": "gelu_new",
        "hidden_size": 2560,
        "initializer_range": 0.02,
        "intermediate_size": 10240,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": 2048,
        "model_type": "phi",
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 32,
        "partial_rotary_factor": 0.4,
        "qk_layernorm": false,
        "resid_pdrop": 0.1,
        "rope_scaling": null,
        "rope_theta": 10000.0,
        "tie_word_embeddings": false,
        "torch_dtype": "float16",
        "transformers_version": "4.37.0",
        "use_cache": true,
        "vocab_size": 51200
      }
      """;

  private Phi2Config() {}

  static PhiConfig parse(String json) throws CheckpointException {
    return PhiConfig.parse(FILE, json.getBytes(StandardCharsets.UTF_8));
  }

  /** phi-2 with one more line; a setting given twice would be a duplicate key, so it replaces. */
  static String with(String key, String value) {
    String line = "\"" + key + "\": " + value;
    String replaced = JSON.replaceFirst("\"" + key + "\": (\\[.*]|[^,\n]*)", line);
    return replaced.contains(line) ? replaced : JSON.replaceFirst("\\{", "{" + line + ",");
  }

  static String without(String key) {
    return with(key, "null");
  }
}
