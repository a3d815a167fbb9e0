package dev.eeve.checkpoint;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names Phi's tensors go by: the current Hugging Face layout, whose names this library uses;
 * the one of the first Phi releases ({@code transformer.h.N.mixer.Wqkv}: all query rows, then all
 * key rows, then all value rows); and GGUF's, which old files fuse in the same way.
 */
public final class PhiTensorNames {
  /** GGUF's name for each part of a layer, {@code blk.N.} before it. */
  private static final Map<String, String> GGUF_PARTS =
      Map.of(
          "input_layernorm", "attn_norm",
          "self_attn.q_proj", "attn_q",
          "self_attn.k_proj", "attn_k",
          "self_attn.v_proj", "attn_v",
          "self_attn.dense", "attn_output",
          "mlp.fc1", "ffn_up",
          "mlp.fc2", "ffn_down");

  private static final Map<String, String> GGUF_OTHERS =
      Map.of(
          "model.embed_tokens", "token_embd",
          "model.final_layernorm", "output_norm",
          "lm_head", "output");

  private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)\\.(.+)");

  private final PhiDimensions dimensions;
  private final SequencedMap<String, List<Long>> shapes;

  /** Where the sizes are from, for messages. */
  private final String sizes;

  private final boolean blocks;

  /** What a name in a file stands for: one tensor of the model, or three fused. */
  private final Map<String, List<String>> spellings = new LinkedHashMap<>();

  private PhiTensorNames(PhiDimensions dimensions, boolean gguf) {
    this.dimensions = dimensions;
    this.shapes = dimensions.shapes();
    this.sizes = gguf ? "the phi2 keys" : "config.json";
    this.blocks = gguf;
    if (gguf) {
      spellGguf();
    } else {
      spellHuggingFace();
    }
  }

  private void spellGguf() {
    shapes.keySet().forEach(name -> spellings.put(gguf(name), List.of(name)));
    for (String part : List.of(".weight", ".bias")) {
      for (int layer = 0; layer < dimensions.numHiddenLayers(); layer++) {
        spellings.put(
            "blk." + layer + ".attn_qkv" + part,
            queryKeyValue("model.layers." + layer + ".", part));
      }
    }
  }

  private void spellHuggingFace() {
    shapes.keySet().forEach(name -> spellings.put(name, List.of(name)));
    spellings.put("transformer.embd.wte.weight", List.of("model.embed_tokens.weight"));
    for (String part : List.of(".weight", ".bias")) {
      spellings.put("lm_head.ln" + part, List.of("model.final_layernorm" + part));
      spellings.put("lm_head.linear" + part, List.of("lm_head" + part));
      for (int layer = 0; layer < dimensions.numHiddenLayers(); layer++) {
        String old = "transformer.h." + layer + ".";
        String now = "model.layers." + layer + ".";
        spellings.put(old + "ln" + part, List.of(now + "input_layernorm" + part));
        spellings.put(old + "mixer.Wqkv" + part, queryKeyValue(now, part));
        spellings.put(old + "mixer.out_proj" + part, List.of(now + "self_attn.dense" + part));
        spellings.put(old + "mlp.fc1" + part, List.of(now + "mlp.fc1" + part));
        spellings.put(old + "mlp.fc2" + part, List.of(now + "mlp.fc2" + part));
      }
    }
  }

  private static List<String> queryKeyValue(String layer, String part) {
    return List.of(
        layer + "self_attn.q_proj" + part,
        layer + "self_attn.k_proj" + part,
        layer + "self_attn.v_proj" + part);
  }

  /**
   * GGUF's name for a tensor.
   *
   * @param name its name in the current Hugging Face layout
   * @return as {@code blk.3.attn_q.weight}
   */
  public static String gguf(String name) {
    int dot = name.lastIndexOf('.');
    String part = name.substring(dot); // .weight or .bias
    Matcher layer = LAYER.matcher(name.substring(0, dot));
    String stem =
        layer.matches()
            ? "blk." + layer.group(1) + "." + GGUF_PARTS.get(layer.group(2))
            : GGUF_OTHERS.get(name.substring(0, dot));
    return stem + part;
  }

  /**
   * Finds every tensor of a Phi model in its files.
   *
   * @param files a folder or a GGUF file
   * @param dimensions the model's sizes
   * @return by name in the current Hugging Face layout, in module order, complete
   * @throws CheckpointException as {@link #resolve(Path, Map, PhiDimensions)}
   */
  public static SequencedMap<String, ResolvedTensor> resolve(
      Checkpoint files, PhiDimensions dimensions) throws CheckpointException {
    boolean gguf =
        switch (files) {
          case Gguf file -> true;
          case ModelFolder folder -> false;
          case NormalFloatFolder folder -> false;
        };
    return new PhiTensorNames(dimensions, gguf).resolve(files.path(), files.tensors());
  }

  /**
   * Finds every tensor of a Phi model among those of a Hugging Face folder's files. Rotary inverse
   * frequencies, which old files hold, are passed over.
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
    return new PhiTensorNames(dimensions, false).resolve(path, tensors);
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
                + " layers; check "
                + sizes);
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
        throw missing(path, name);
      }
      ordered.put(name, found.get(name));
    }
    return ordered;
  }

  private void checkWeight(TensorInfo tensor, List<String> targets) throws CheckpointException {
    List<Long> needed = shapes.get(targets.get(0));
    boolean block = tensor.dtype().blocks().isPresent() && blocks && needed.size() == 2;
    if (!tensor.dtype().isWeight() && !block) {
      throw tensor.failure(tensor.dtype() + " found, needed F32, F16 or BF16");
    }
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
              + "; check "
              + sizes);
    }
  }

  private CheckpointException missing(Path path, String name) {
    List<String> names =
        spellings.entrySet().stream()
            .filter(entry -> entry.getValue().contains(name))
            .map(Map.Entry::getKey)
            .toList();
    String others =
        names.size() == 1
            ? ""
            : ", under this name and as " + CheckpointException.quote(names.get(1));
    String advice =
        names.getFirst().equals("output.weight")
            ? "; Phi does not share it with token_embd.weight, convert the model again"
            : "; download the weights again";
    return new CheckpointException(path, names.getFirst(), "missing" + others + advice);
  }
}
