package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Golden;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.WorkerPool;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class MemoryPlanTest {
  static List<String> models() {
    return Golden.MODELS;
  }

  private static long bytes(MemoryPlan plan, String name) {
    return plan.items().stream()
        .filter(item -> item.name().equals(name))
        .mapToLong(MemoryPlan.Item::bytes)
        .sum();
  }

  @ParameterizedTest
  @MethodSource("models")
  void theMatricesTakeWhatIsPlannedForThem(String name) throws IOException {
    matricesTakeWhatIsPlanned(name, Optional.empty());
    matricesTakeWhatIsPlanned(name, Optional.of(ElementType.Q4_0)); // some of them stay F16
  }

  private static void matricesTakeWhatIsPlanned(String name, Optional<ElementType> type)
      throws IOException {
    try (PhiModel model = PhiModel.open(Golden.folder(name), type, 2)) {
      MemoryPlan plan = MemoryPlan.forWeights(model.config(), model.types());
      assertEquals(model.embedTokens().byteSize(), bytes(plan, "weights.embed_tokens"));
      assertEquals(model.lmHead().weight().byteSize(), bytes(plan, "weights.lm_head"));
      long attention = 0;
      long mlp = 0;
      long vectors = model.lmHead().bias().length + norm(model.finalLayernorm());
      for (PhiLayer layer : model.layers()) {
        for (LinearLayer part :
            List.of(layer.qProj(), layer.kProj(), layer.vProj(), layer.dense())) {
          attention += part.weight().byteSize();
          vectors += part.bias().length;
        }
        mlp += layer.fc1().weight().byteSize() + layer.fc2().weight().byteSize();
        vectors += layer.fc1().bias().length + layer.fc2().bias().length;
        vectors += norm(layer.inputLayernorm());
      }
      assertEquals(attention, bytes(plan, "weights.self_attn"));
      assertEquals(mlp, bytes(plan, "weights.mlp"));
      assertEquals(vectors * Float.BYTES, bytes(plan, "weights.biases_and_norms"));
      assertEquals(plan.bytes(), plan.items().stream().mapToLong(MemoryPlan.Item::bytes).sum());
    }
  }

  private static long norm(NormLayer norm) {
    return norm.weight().length + norm.bias().length;
  }

  @Test
  void keysValuesActivationsAndLogitsTakeWhatIsPlannedForThem() throws IOException {
    int capacity = 100;
    try (PhiModel model = PhiModel.open(Golden.folder("tiny-bf16-head80"), Optional.empty(), 1);
        KeyValueCache cache = new KeyValueCache(model.config(), ElementType.F32, capacity)) {
      MemoryPlan plan =
          MemoryPlan.forGeneration(
              model.config(), model.type(), capacity, new Blocking(24, 64, 640, 4096), 1);
      long held =
          LongStream.range(0, model.layers().size())
              .map(i -> cache.layer((int) i).byteSize())
              .sum();
      assertEquals(held, bytes(plan, "key_value_cache"));
      long floats = 0;
      for (Activations s :
          List.of(
              new Activations(model, List.of(), 24, new float[0]),
              new Activations(model, List.of(), 1, new float[0]))) {
        floats += s.buffer().length + s.mean.length + s.rstd.length;
      }
      assertEquals(floats * Float.BYTES, bytes(plan, "activations"));
      assertEquals(4L * model.config().vocabSize(), bytes(plan, "logits"));
    }
  }

  /** The weights as a GGUF file has them: matrices in blocks, biases and norms F32. */
  @Test
  void aLoadedQ4ModelTakesAtMostATenthMoreThanItsFile() throws IOException {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    long file = 0;
    for (List<Long> shape : eeve.dimensions().shapes().values()) {
      file +=
          shape.size() == 1
              ? shape.get(0) * Float.BYTES
              : shape.get(0) * ElementType.Q4_0.byteSize(shape.get(1));
    }
    long planned = MemoryPlan.forWeights(eeve, ElementType.Q4_0).bytes();
    assertTrue(planned <= 1.1 * file, planned + " for a file of " + file);
    try (PhiModel model = PhiModel.random(PhiConfigs.small(), ElementType.Q4_0, 1, 2)) {
      long held = model.embedTokens().byteSize() + model.lmHead().weight().byteSize();
      long stored = 0;
      for (PhiLayer layer : model.layers()) {
        for (LinearLayer part : layer.linears()) {
          held += part.weight().byteSize();
        }
      }
      for (List<Long> shape : model.config().dimensions().shapes().values()) {
        stored += shape.size() == 1 ? 0 : shape.get(0) * ElementType.Q4_0.byteSize(shape.get(1));
      }
      assertTrue(held <= 1.1 * stored, held + " held, " + stored + " stored");
      MemoryPlan plan = MemoryPlan.forWeights(model.config(), model.types());
      long vectors = bytes(plan, "weights.biases_and_norms") + bytes(plan, "rotary_tables");
      assertEquals(plan.bytes(), held + vectors);
    }
  }

  @Test
  void promptLookupTakesWhatIsPlannedForIt() {
    try (PhiModel model = PhiModel.random(PhiConfigs.small(), ElementType.BF16, 1, 1);
        WorkerPool pool = new WorkerPool(1);
        Session session = new Session(model, pool, Blocking.defaults(), 64)) {
      int rows = FewRows.MOST;
      Activations few = new Activations(model, List.of(), rows, new float[0]);
      long floats = few.buffer().length + few.mean.length + few.rstd.length;
      long logits = session.appendForLogits(new int[rows], 0, rows).data().length;
      logits += model.config().vocabSize(); // a row of them at a time, in ContextReader
      MemoryPlan plan =
          MemoryPlan.forGeneration(model.config(), model.type(), 64, Blocking.defaults(), 1);
      assertEquals((floats + logits) * Float.BYTES, bytes(plan, "prompt_lookup"));
    }
  }

  @ParameterizedTest
  @EnumSource(ElementType.class)
  void theWholeOfEeveIsKnownWithoutTakingIt(ElementType type) {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    MemoryPlan plan = MemoryPlan.forGeneration(eeve, type, 2048, Blocking.defaults(), 2);
    long stored = type.byteSize(eeve.parameterCount());
    long weights =
        plan.items().stream()
            .filter(item -> item.name().startsWith("weights."))
            .mapToLong(MemoryPlan.Item::bytes)
            .sum();
    assertTrue(weights >= stored && weights < stored * 1.01, weights + " for " + stored);
    assertEquals(2048L * 32 * 2 * 2560 * 4, bytes(plan, "key_value_cache"));
    assertTrue(plan.bytes() < weights + bytes(plan, "key_value_cache") + 100_000_000);
    assertEquals(Weights.byteSize(type, 58_944, 2560), bytes(plan, "weights.embed_tokens"));
  }

  @Test
  void weightsTooLargeForTheMachineAreRefusedWithWhatWouldHelp() {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    MemoryPlan.requireWeights(eeve, KeptTypes.of(eeve, ElementType.BF16), 6_000_000_000L);
    String f32 =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    MemoryPlan.requireWeights(
                        eeve, KeptTypes.of(eeve, ElementType.F32), 6_000_000_000L))
            .getMessage();
    assertTrue(f32.startsWith("dtype: f32 weights need 11."), f32);
    assertTrue(f32.contains("the machine has 6.00 GB; choose dtype bf16"), f32);
    String bf16 =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    MemoryPlan.requireWeights(
                        eeve, KeptTypes.of(eeve, ElementType.BF16), 1_500_000_000L))
            .getMessage();
    assertTrue(bf16.contains("a machine with more memory"), bf16);
    String four =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    MemoryPlan.requireWeights(
                        eeve, KeptTypes.of(eeve, ElementType.Q8_0), 2_000_000_000L))
            .getMessage();
    assertTrue(four.contains("choose dtype q4_0, which needs 1."), four);
  }

  @Test
  void aContextTooLargeForTheMachineIsRefusedWithTheLargestThatFits() {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    MemoryPlan.requireContext(
                        eeve,
                        KeptTypes.of(eeve, ElementType.BF16),
                        ElementType.F32,
                        2048,
                        6_000_000_000L))
            .getMessage();
    assertTrue(message.startsWith("capacity: 2048 tokens need 1.34 GB"), message);
    int most = Integer.parseInt(message.replaceAll(".*at most ", ""));
    assertTrue(most > 0 && most < 2048, message);
    MemoryPlan.requireContext(
        eeve, KeptTypes.of(eeve, ElementType.BF16), ElementType.F32, most, 6_000_000_000L);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            MemoryPlan.requireContext(
                eeve,
                KeptTypes.of(eeve, ElementType.BF16),
                ElementType.F32,
                most + 16,
                6_000_000_000L));
  }

  @Test
  void aModelThatNoMachineHoldsIsRefusedBeforeAnythingIsTaken() {
    PhiConfig giant = PhiConfigs.giant();
    String message =
        assertThrows(
                IllegalArgumentException.class, () -> PhiModel.random(giant, ElementType.F32, 1, 1))
            .getMessage();
    assertTrue(message.startsWith("dtype: f32 weights need"), message);
  }
}
