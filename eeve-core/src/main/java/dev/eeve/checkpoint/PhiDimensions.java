package dev.eeve.checkpoint;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * The sizes that decide which tensors a Phi model has and what shapes they are.
 *
 * @param vocabSize rows of the embedding and the head
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width inside the MLP
 * @param numHiddenLayers decoder layers
 * @param numAttentionHeads query heads
 * @param numKeyValueHeads key and value heads
 */
public record PhiDimensions(
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads) {
  /**
   * Elements of one head.
   *
   * @return hiddenSize ÷ numAttentionHeads
   */
  public int headDim() {
    return hiddenSize / numAttentionHeads;
  }

  /**
   * Every tensor's shape by its name in the current Hugging Face layout, in module order.
   *
   * @return 453 entries for phi-2
   */
  public SequencedMap<String, List<Long>> shapes() {
    LinkedHashMap<String, List<Long>> shapes = new LinkedHashMap<>();
    shapes.put("model.embed_tokens.weight", List.of((long) vocabSize, (long) hiddenSize));
    int keyValueRows = numKeyValueHeads * headDim();
    for (int layer = 0; layer < numHiddenLayers; layer++) {
      String prefix = "model.layers." + layer + ".";
      norm(shapes, prefix + "input_layernorm");
      linear(shapes, prefix + "self_attn.q_proj", hiddenSize, hiddenSize);
      linear(shapes, prefix + "self_attn.k_proj", keyValueRows, hiddenSize);
      linear(shapes, prefix + "self_attn.v_proj", keyValueRows, hiddenSize);
      linear(shapes, prefix + "self_attn.dense", hiddenSize, hiddenSize);
      linear(shapes, prefix + "mlp.fc1", intermediateSize, hiddenSize);
      linear(shapes, prefix + "mlp.fc2", hiddenSize, intermediateSize);
    }
    norm(shapes, "model.final_layernorm");
    linear(shapes, "lm_head", vocabSize, hiddenSize);
    return shapes;
  }

  /**
   * The elements of all tensors.
   *
   * @return 2,779,683,840 for phi-2
   */
  public long parameterCount() {
    return shapes().values().stream()
        .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
        .reduce(0L, Math::addExact);
  }

  private void norm(SequencedMap<String, List<Long>> shapes, String name) {
    shapes.put(name + ".weight", List.of((long) hiddenSize));
    shapes.put(name + ".bias", List.of((long) hiddenSize));
  }

  private static void linear(
      SequencedMap<String, List<Long>> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", List.of(out, in));
    shapes.put(name + ".bias", List.of(out));
  }
}
