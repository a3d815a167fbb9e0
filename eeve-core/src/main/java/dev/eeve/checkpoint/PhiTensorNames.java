package dev.eeve.checkpoint;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * The names Phi's tensors go by: the current Hugging Face layout, whose names this library uses,
 * and the one of the first Phi releases ({@code transformer.h.N.mixer.Wqkv}: all query rows, then
 * all key rows, then all value rows).
 */
public final class PhiTensorNames {
  private final PhiDimensions dimensions;
  private final SequencedMap<String, List<Long>> shapes;

  /** What a name in a file stands for: one tensor of the model, or three fused. */
  private final Map<String, List<String>> spellings = new HashMap<>();

  private PhiTensorNames(PhiDimensions dimensions) {
    this.dimensions = dimensions;
    this.shapes = dimensions.shapes();
    shapes.keySet().forEach(name -> spellings.put(name, List.of(name)));
    spellings.put("transformer.embd.wte.weight", List.of("model.embed_tokens.weight"));
    for (String part : List.of(".weight", ".bias")) {
      spellings.put("lm_head.ln" + part, List.of("model.final_layernorm" + part));
      spellings.put("lm_head.linear" + part, List.of("lm_head" + part));
      for (int layer = 0; layer < dimensions.numHiddenLayers(); layer++) {
        String old = "transformer.h." + layer + ".";
        String now = "model.layers." + layer + ".";
        spellings.put(old + "ln" + part, List.of(now + "input_layernorm" + part));
        spellings.put(
            old + "mixer.Wqkv" + part,
            List.of(
                now + "self_attn.q_proj" + part,
                now + "self_attn.k_proj" + part,
                now + "self_attn.v_proj" + part));
        spellings.put(old + "mixer.out_proj" + part, List.of(now + "self_attn.dense" + part));
        spellings.put(old + "mlp.fc1" + part, List.of(now + "mlp.fc1" + part));
        spellings.put(old + "mlp.fc2" + part, List.of(now + "mlp.fc2" + part));
      }
    }
  }

  /**
   * Finds every tensor of a Phi model among those of its files. Rotary inverse frequencies, which
   * old files hold, are passed over.
   *
   * @param path the folder or file they are from, for messages
   * @param tensors by their names there
   * @param dimensions the model's sizes
   * @return by name in the current layout, in module order, complete
   * @throws CheckpointException names the tensor that is missing, there twice, unknown, or of
   *     another shape or type
   */
  public static SequencedMap<String, ResolvedTensor> resolve(
      Path path, Map<String, TensorInfo> tensors, PhiDimensions dimensions)
      throws CheckpointException {
    return new PhiTensorNames(dimensions).resolve(path, tensors);
  }

  private SequencedMap<String, ResolvedTensor> resolve(Path path, Map<String, TensorInfo> tensors)
      throws CheckpointException {
    Map<String, ResolvedTensor> found = new HashMap<>();
    for (TensorInfo tensor : tensors.values()) {
      if (tensor.name().endsWith(".rotary_emb.inv_freq")) {
        continue;
      }
      List<String> targets = spellings.get(tensor.name());
      if (targets == null) {
        throw tensor.failure(
            "unknown, needed the tensors of a Phi model with "
                + dimensions.numHiddenLayers()
                + " layers; check config.json");
      }
      checkWeight(tensor, targets);
      long row = 0;
      for (String target : targets) {
        long rows = shapes.get(target).get(0);
        ResolvedTensor twin = found.put(target, new ResolvedTensor(target, tensor, row, rows));
        if (twin != null) {
          throw tensor.failure(
              "is the model's "
                  + target
                  + ", and so is "
                  + CheckpointException.quote(twin.source().name())
                  + "; remove one");
        }
        row += rows;
      }
    }
    LinkedHashMap<String, ResolvedTensor> ordered = new LinkedHashMap<>();
    for (String name : shapes.keySet()) {
      if (!found.containsKey(name)) {
        throw new CheckpointException(path, name, missing(name));
      }
      ordered.put(name, found.get(name));
    }
    return ordered;
  }

  private void checkWeight(TensorInfo tensor, List<String> targets) throws CheckpointException {
    if (!tensor.dtype().isWeight()) {
      throw tensor.failure(tensor.dtype() + " found, needed F32, F16 or BF16");
    }
    List<Long> needed = shapes.get(targets.get(0));
    if (targets.size() > 1) {
      long rows = targets.stream().mapToLong(target -> shapes.get(target).get(0)).sum();
      needed = needed.size() == 1 ? List.of(rows) : List.of(rows, needed.get(1));
    }
    if (!tensor.shape().equals(needed)) {
      throw tensor.failure(
          "shape "
              + TensorSpec.describe(tensor.shape())
              + " found, needed "
              + TensorSpec.describe(needed)
              + "; check config.json");
    }
  }

  private String missing(String name) {
    String old =
        spellings.entrySet().stream()
            .filter(entry -> entry.getValue().contains(name) && !entry.getKey().equals(name))
            .map(Map.Entry::getKey)
            .findFirst()
            .orElseThrow();
    return "missing, under this name and as \"" + old + "\"; download the weights again";
  }
}
