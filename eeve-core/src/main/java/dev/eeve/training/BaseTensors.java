package dev.eeve.training;

import dev.eeve.kernels.Weights;
import dev.eeve.model.LinearLayer;
import dev.eeve.model.NormLayer;
import dev.eeve.model.PhiLayer;
import dev.eeve.model.PhiModel;
import java.util.HashMap;
import java.util.Map;

/** A model's matrices and vectors by their names in the current Hugging Face layout. */
final class BaseTensors {
  private final Map<String, Weights> matrices = new HashMap<>();
  private final Map<String, float[]> vectors = new HashMap<>();

  BaseTensors(PhiModel model) {
    matrices.put("model.embed_tokens.weight", model.embedTokens());
    for (int i = 0; i < model.layers().size(); i++) {
      PhiLayer layer = model.layers().get(i);
      String name = "model.layers." + i + ".";
      norm(name + "input_layernorm", layer.inputLayernorm());
      linear(name + "self_attn.q_proj", layer.qProj());
      linear(name + "self_attn.k_proj", layer.kProj());
      linear(name + "self_attn.v_proj", layer.vProj());
      linear(name + "self_attn.dense", layer.dense());
      linear(name + "mlp.fc1", layer.fc1());
      linear(name + "mlp.fc2", layer.fc2());
    }
    norm("model.final_layernorm", model.finalLayernorm());
    linear("lm_head", model.lmHead());
  }

  private void norm(String name, NormLayer norm) {
    vectors.put(name + ".weight", norm.weight());
    vectors.put(name + ".bias", norm.bias());
  }

  private void linear(String name, LinearLayer linear) {
    matrices.put(name + ".weight", linear.weight());
    vectors.put(name + ".bias", linear.bias());
  }

  Weights matrix(String name) {
    return matrices.get(name);
  }

  float[] vector(String name) {
    return vectors.get(name);
  }
}
