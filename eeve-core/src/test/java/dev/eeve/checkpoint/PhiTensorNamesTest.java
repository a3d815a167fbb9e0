package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PhiTensorNamesTest {
  private static final Path FILE = Path.of("model.safetensors");

  /** 6 heads of 4, 2 key and value heads. */
  private static final PhiDimensions GROUPED = new PhiDimensions(50, 24, 40, 2, 6, 2);

  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();

  private void put(String name, DType dtype, long... shape) {
    TensorSpec spec = TestFiles.spec(name, dtype, shape);
    tensors.put(name, new TensorInfo(FILE, name, dtype, spec.shape(), 0, spec.byteSize()));
  }

  private void putCurrent() {
    GROUPED
        .shapes()
        .forEach(
            (name, shape) ->
                put(name, DType.F16, shape.stream().mapToLong(Long::longValue).toArray()));
  }

  private void putOld() {
    put("transformer.embd.wte.weight", DType.BF16, 50, 24);
    for (int layer = 0; layer < 2; layer++) {
      String prefix = "transformer.h." + layer + ".";
      put(prefix + "ln.weight", DType.BF16, 24);
      put(prefix + "ln.bias", DType.BF16, 24);
      put(prefix + "mixer.Wqkv.weight", DType.BF16, 40, 24);
      put(prefix + "mixer.Wqkv.bias", DType.BF16, 40);
      put(prefix + "mixer.out_proj.weight", DType.BF16, 24, 24);
      put(prefix + "mixer.out_proj.bias", DType.BF16, 24);
      put(prefix + "mixer.rotary_emb.inv_freq", DType.I64, 7);
      put(prefix + "mlp.fc1.weight", DType.BF16, 40, 24);
      put(prefix + "mlp.fc1.bias", DType.BF16, 40);
      put(prefix + "mlp.fc2.weight", DType.BF16, 24, 40);
      put(prefix + "mlp.fc2.bias", DType.BF16, 24);
    }
    put("lm_head.ln.weight", DType.BF16, 24);
    put("lm_head.ln.bias", DType.BF16, 24);
    put("lm_head.linear.weight", DType.BF16, 50, 24);
    put("lm_head.linear.bias", DType.BF16, 50);
  }

  private Map<String, ResolvedTensor> resolve() throws CheckpointException {
    return PhiTensorNames.resolve(Path.of("folder"), tensors, GROUPED);
  }

  private void refused(String tensor, String says) {
    assertRefused(FILE, "tensor \"" + tensor + "\": " + says, this::resolve);
  }

  @Test
  void phi2AndItsKoreanChildHave453Tensors() {
    PhiDimensions phi2 = new PhiDimensions(51_200, 2560, 10_240, 32, 32, 32);
    assertEquals(453, phi2.shapes().size());
    assertEquals(2_779_683_840L, phi2.parameterCount());
    PhiDimensions eeve = new PhiDimensions(58_944, 2560, 10_240, 32, 32, 32);
    assertEquals(453, eeve.shapes().size());
    assertEquals(2_819_340_864L, eeve.parameterCount());
  }

  @Test
  void currentNamesStandForThemselves() throws CheckpointException {
    putCurrent();
    put("model.layers.0.self_attn.rotary_emb.inv_freq", DType.F32, 2);
    Map<String, ResolvedTensor> found = resolve();
    assertEquals(new ArrayList<>(GROUPED.shapes().keySet()), new ArrayList<>(found.keySet()));
    found.forEach(
        (name, tensor) -> {
          assertEquals(
              new ResolvedTensor(name, tensors.get(name), 0, tensors.get(name).rows()), tensor);
          assertEquals(0, tensor.byteOffset());
          assertEquals(tensors.get(name).byteSize(), tensor.byteSize());
        });
  }

  @Test
  void oldNamesGiveTheSameTensorsAndSplitWqkvByItsHeads() throws CheckpointException {
    putOld();
    Map<String, ResolvedTensor> found = resolve();
    assertEquals(new ArrayList<>(GROUPED.shapes().keySet()), new ArrayList<>(found.keySet()));
    GROUPED
        .shapes()
        .forEach((name, shape) -> assertEquals(shape.get(0), found.get(name).rows(), name));
    TensorInfo fused = tensors.get("transformer.h.1.mixer.Wqkv.weight");
    String attention = "model.layers.1.self_attn.";
    assertEquals(
        List.of(
            new ResolvedTensor(attention + "q_proj.weight", fused, 0, 24),
            new ResolvedTensor(attention + "k_proj.weight", fused, 24, 8),
            new ResolvedTensor(attention + "v_proj.weight", fused, 32, 8)),
        List.of(
            found.get(attention + "q_proj.weight"),
            found.get(attention + "k_proj.weight"),
            found.get(attention + "v_proj.weight")));
    assertEquals(24 * 24 * 2, found.get(attention + "k_proj.weight").byteOffset());
    assertEquals(8 * 24 * 2, found.get(attention + "k_proj.weight").byteSize());
    assertEquals(32 * 2, found.get(attention + "v_proj.bias").byteOffset());
    assertEquals(8 * 2, found.get(attention + "v_proj.bias").byteSize());
    assertEquals("lm_head.ln.bias", found.get("model.final_layernorm.bias").source().name());
    assertEquals("lm_head.linear.bias", found.get("lm_head.bias").source().name());
  }

  @Test
  void everyMissingTensorIsNamed() throws CheckpointException {
    for (String name : GROUPED.shapes().keySet()) {
      putCurrent();
      tensors.remove(name);
      assertRefused(Path.of("folder"), "tensor \"" + name + "\": missing", this::resolve);
    }
    tensors.clear();
    putOld();
    tensors.remove("transformer.h.1.mixer.Wqkv.bias");
    assertRefused(
        Path.of("folder"),
        "q_proj.bias\": missing, under this name and as \"transformer.h.1.mixer.Wqkv.bias\"",
        this::resolve);
  }

  @Test
  void unknownTensorsAreNamed() {
    for (String name :
        List.of(
            "model.layers.2.mlp.fc1.weight",
            "model.layers.01.mlp.fc1.weight",
            "model.layers.0.self_attn.q_layernorm.weight",
            "model.layers.0.self_attn.bias",
            "score.weight",
            "")) {
      tensors.clear();
      putCurrent();
      put(name, DType.F16, 24);
      refused(name, "unknown, needed the tensors of a Phi model with 2 layers");
    }
  }

  @Test
  void everyWrongShapeIsNamedWithTheRightOne() throws CheckpointException {
    putOld();
    for (TensorInfo good : List.copyOf(tensors.values())) {
      if (!good.name().endsWith("inv_freq")) {
        put(good.name(), DType.BF16, good.rows() + 1, good.columns());
        String needed =
            good.shape().size() == 1
                ? "(" + good.rows() + ")"
                : "(" + good.rows() + ", " + good.columns() + ")";
        refused(
            good.name(),
            "shape (" + (good.rows() + 1) + ", " + good.columns() + ") found, needed " + needed);
        tensors.put(good.name(), good);
      }
    }
    put("transformer.h.0.ln.bias", DType.BF16, 1, 24);
    refused("transformer.h.0.ln.bias", "shape (1, 24) found, needed (24)");
  }

  @Test
  void aTypeThatIsNoWeightsIsNamed() {
    putCurrent();
    put("lm_head.bias", DType.I64, 50);
    refused("lm_head.bias", "I64 found, needed F32, F16 or BF16");
  }

  @Test
  void oneTensorUnderBothItsNamesIsRefused() {
    putCurrent();
    put("transformer.h.1.mixer.Wqkv.bias", DType.F16, 40);
    refused("transformer.h.1.mixer.Wqkv.bias", "is the model's model.layers.1.self_attn.q_proj");
    tensors.clear();
    putOld();
    put("lm_head.weight", DType.F16, 50, 24);
    refused("lm_head.weight", "is the model's lm_head.weight, and so is \"lm_head.linear.weight\"");
  }
}
