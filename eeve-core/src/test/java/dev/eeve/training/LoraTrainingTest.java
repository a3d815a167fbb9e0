package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.adapter.MergedFolder;
import dev.eeve.adapter.PeftNames;
import dev.eeve.checkpoint.DType;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.CrossEntropy;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoraTrainingTest {
  /** 2 layers, grouped key/value heads, and sizes that fill no panel. */
  private static final PhiConfig CONFIG =
      new PhiConfig(
          301,
          72,
          100,
          2,
          4,
          2,
          0.45,
          10_000,
          1e-5,
          64,
          0.1,
          0,
          0,
          0.2,
          OptionalInt.empty(),
          List.of(),
          Optional.<DType>empty());

  private final PhiModel base = PhiModel.random(CONFIG, ElementType.F32, 5, 1);
  private final Parameters parameters = Parameters.of(base);
  private final WorkerPool pool = new WorkerPool(2);
  @TempDir private Path folder;

  @AfterEach
  void close() {
    base.close();
    pool.close();
  }

  private static LoraConfig config(double dropout) {
    return new LoraConfig(5, 7, dropout, true, LoraConfig.ALL_LINEAR, List.of());
  }

  private TrainingModel model(LoraConfig config) {
    return TrainingModel.of(base, TrainableParameters.adapter(parameters, config), 11);
  }

  private TrainingPass pass(TrainingModel model, boolean checkpointing) {
    return new TrainingPass(model, pool, Blocking.defaults(), checkpointing, 301);
  }

  private static TrainingBatch batch(int... lengths) {
    SplittableRandom random = new SplittableRandom(3);
    int rows = Arrays.stream(lengths).sum();
    int[] ids = random.ints(rows, 0, 301).toArray();
    int[] targets = new int[rows];
    int[] documents = new int[lengths.length];
    int row = 0;
    for (int d = 0; d < lengths.length; d++) {
      documents[d] = row;
      for (int i = 1; i < lengths[d]; i++, row++) {
        targets[row] = ids[row + 1];
      }
      targets[row++] = CrossEntropy.IGNORED;
    }
    return new TrainingBatch(ids, targets, documents);
  }

  private static float[] values(Weights weights) {
    float[] values = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, values, r * weights.columns());
    }
    return values;
  }

  private static Map<String, float[]> gradients(TrainingModel model) {
    Map<String, float[]> all = new LinkedHashMap<>();
    for (TrainedRows rows : model.trained()) {
      all.put(
          rows.name(),
          rows instanceof TrainedMatrix matrix
              ? values(matrix.gradient())
              : ((TrainedVector) rows).gradient().clone());
    }
    return all;
  }

  private static void put(TrainedMatrix matrix, float[] values) {
    matrix.master().put(0, matrix.rows(), MemorySegment.ofArray(values), ElementType.F32);
  }

  /** Values for B, which starts at zero. */
  private static void fillB(TrainingModel model) {
    SplittableRandom random = new SplittableRandom(9);
    for (TrainedRows rows : model.trained()) {
      if (rows.name().endsWith("lora_B.weight")) {
        TrainedMatrix b = (TrainedMatrix) rows;
        float[] values = values(b.master());
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) (random.nextGaussian() * 0.05);
        }
        put(b, values);
      }
    }
  }

  private static TrainedMatrix matrix(TrainingModel model, String name) {
    return (TrainedMatrix)
        model.trained().stream().filter(rows -> rows.name().equals(name)).findFirst().orElseThrow();
  }

  private static void assertClose(String name, double[] want, float[] found, double tolerance) {
    double error = 0;
    double length = 0;
    for (int i = 0; i < want.length; i++) {
      error += Math.pow(found[i] - want[i], 2);
      length += want[i] * want[i];
    }
    assertTrue(length > 0 && Math.sqrt(error / length) < tolerance, name + ": " + error / length);
  }

  @Test
  void anAdapterStartsAsPeftStartsItAndChangesNothingBeforeItsFirstUpdate() {
    try (TrainingModel frozen = TrainingModel.of(base, TrainableParameters.of(parameters));
        TrainingModel model = model(config(0));
        TrainingPass plain = pass(frozen, false);
        TrainingPass pass = pass(model, false)) {
      assertEquals(24, model.trained().size(), "A and B of 6 layers in each of 2");
      assertEquals(plain.loss(batch(30)), pass.loss(batch(30)));
      float[] a = values(matrix(model, PeftNames.a("model.layers.1.mlp.fc2")).master());
      double bound = 1 / Math.sqrt(100);
      double sum = 0;
      for (float value : a) {
        assertTrue(Math.abs(value) <= bound);
        sum += (double) value * value;
      }
      assertEquals(bound * bound / 3, sum / a.length, 0.1 * bound * bound);
      try (TrainingModel again = model(config(0));
          TrainingModel other =
              TrainingModel.of(base, TrainableParameters.adapter(parameters, config(0)), 12)) {
        String name = PeftNames.a("model.layers.1.mlp.fc2");
        assertArrayEquals(a, values(matrix(again, name).master()));
        assertFalse(Arrays.equals(a, values(matrix(other, name).master())));
      }
    }
  }

  /** dW of the merged model is known to be right; dB = s dW Aᵀ and dA = s Bᵀ dW. */
  @Test
  void gradientsAreTheMergedModelsProjected() throws IOException {
    TrainingBatch batch = batch(20, 31);
    try (TrainingModel plain = TrainingModel.of(base, TrainableParameters.of(parameters))) {
      TrainedModelFolder.write(
          folder.resolve("base"), plain, TrainedModelFolder.Options.of(base, base.type()));
    }
    try (TrainingModel model = model(config(0));
        TrainingPass pass = pass(model, true)) {
      fillB(model);
      MergedFolder.write(
          folder.resolve("base"),
          CONFIG.dimensions(),
          List.of(model.adapter()),
          folder.resolve("merged"),
          type -> type,
          Map.of("config.json", CONFIG.toJson()),
          2);
      double loss = pass.forwardBackward(batch, 0.02f, 0, 0);
      Map<String, float[]> found = gradients(model);
      TrainableParameters all =
          TrainableParameters.of(parameters).unfreeze(parameters.names().toArray(String[]::new));
      try (PhiModel merged = PhiModel.open(folder.resolve("merged"), Optional.empty(), 1);
          TrainingModel whole = TrainingModel.of(merged, all);
          TrainingPass wholePass = pass(whole, false)) {
        assertEquals(wholePass.forwardBackward(batch, 0.02f, 0, 0), loss, 1e-6 * loss);
        Map<String, float[]> full = gradients(whole);
        for (String module : config(0).modules(parameters.names())) {
          assertProjected(model, module, full.get(module + ".weight"), found);
        }
      }
    }
  }

  private static void assertProjected(
      TrainingModel model, String module, float[] dW, Map<String, float[]> found) {
    TrainedMatrix first = matrix(model, PeftNames.a(module));
    float[] a = values(first.master());
    float[] b = values(matrix(model, PeftNames.b(module)).master());
    int r = first.rows();
    int k = first.master().columns();
    int n = b.length / r;
    double s = 7 / Math.sqrt(5);
    double[] dA = new double[a.length];
    double[] dB = new double[b.length];
    for (int o = 0; o < n; o++) {
      for (int j = 0; j < r; j++) {
        for (int i = 0; i < k; i++) {
          dB[o * r + j] += s * dW[o * k + i] * a[j * k + i];
          dA[j * k + i] += s * b[o * r + j] * dW[o * k + i];
        }
      }
    }
    assertClose(module + " A", dA, found.get(PeftNames.a(module)), 2e-5);
    assertClose(module + " B", dB, found.get(PeftNames.b(module)), 2e-5);
  }

  /** Along its own gradient a loss grows by the gradient's squared length. */
  @ParameterizedTest
  @ValueSource(doubles = {0, 0.3})
  void theGradientIsTheSlopeOfTheLossUnderBothDropouts(double dropout) {
    TrainingBatch batch = batch(20, 30);
    try (TrainingModel model = model(config(dropout));
        TrainingPass pass = pass(model, false)) {
      fillB(model);
      for (TrainedRows rows : model.trained()) {
        model.zeroGradients();
        pass.forwardBackward(batch, 1f, dropout, 9);
        TrainedMatrix matrix = (TrainedMatrix) rows;
        float[] gradient = values(matrix.gradient());
        double squared = 0;
        for (float g : gradient) {
          squared += (double) g * g;
        }
        float step = (float) (0.02 / Math.sqrt(squared));
        float[] before = values(matrix.master());
        put(matrix, moved(before, gradient, step));
        double above = pass.forwardBackward(batch, 1f, dropout, 9);
        put(matrix, moved(before, gradient, -step));
        double below = pass.forwardBackward(batch, 1f, dropout, 9);
        put(matrix, before);
        assertEquals(squared, (above - below) / (2 * step), 0.03 * squared, rows.name());
      }
    }
  }

  private static float[] moved(float[] values, float[] direction, float step) {
    float[] moved = values.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += step * direction[i];
    }
    return moved;
  }

  @Test
  void checkpointingThreadsAndALargerPassBeforeGiveTheSameBits() {
    TrainingBatch batch = batch(20, 30);
    try (TrainingModel model = model(config(0.2));
        TrainingPass plain = pass(model, false);
        TrainingPass again = pass(model, true);
        WorkerPool one = new WorkerPool(1);
        TrainingPass single = new TrainingPass(model, one, Blocking.defaults(), true, 301)) {
      fillB(model);
      double loss = plain.forwardBackward(batch, 0.02f, 0.1, 77);
      Map<String, float[]> first = gradients(model);
      again.forwardBackward(batch(40, 24), 0.02f, 0.1, 1);
      for (TrainingPass pass : List.of(again, single)) {
        model.zeroGradients();
        assertEquals(loss, pass.forwardBackward(batch, 0.02f, 0.1, 77));
        gradients(model).forEach((name, found) -> assertArrayEquals(first.get(name), found, name));
      }
      assertNotEquals(loss, plain.forwardBackward(batch, 0.02f, 0.1, 78));
      assertEquals(plain.loss(batch), single.loss(batch));
      assertNotEquals(loss, plain.loss(batch), "measured without dropout");
    }
  }

  /** The same bits as beside the fp32 values of the blocks: products widen them exactly. */
  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0", "F16", "BF16"})
  void anyTypeOfBaseGivesTheGradientsOfItsValues(ElementType type) throws IOException {
    PhiConfig config = PhiConfigs.small();
    TrainingBatch batch = batch(20, 11);
    try (PhiModel kept = PhiModel.random(config, type, 7, 2)) {
      try (TrainingModel plain =
          TrainingModel.of(kept, TrainableParameters.of(Parameters.of(kept)))) {
        Map<String, ElementType> types = new LinkedHashMap<>();
        Parameters.of(kept).names().forEach(name -> types.put(name, ElementType.F32));
        Map<String, byte[]> files = Map.of("config.json", config.toJson());
        TrainedModelFolder.write(
            folder, plain, new TrainedModelFolder.Options(types, Rounding.NEAREST, 0, files));
      }
      try (PhiModel wide = PhiModel.open(folder, Optional.of(ElementType.F32), 1)) {
        Map<String, float[]> expected = gradientsBeside(wide, batch);
        gradientsBeside(kept, batch)
            .forEach((name, found) -> assertArrayEquals(expected.get(name), found, name));
      }
    }
  }

  private Map<String, float[]> gradientsBeside(PhiModel base, TrainingBatch batch) {
    TrainableParameters own = TrainableParameters.adapter(Parameters.of(base), config(0.1));
    int rows = base.config().vocabSize();
    int[] ids = Arrays.stream(batch.ids()).map(id -> id % rows).toArray();
    int[] targets = Arrays.stream(batch.targets()).map(id -> id < 0 ? id : id % rows).toArray();
    TrainingBatch fitting = new TrainingBatch(ids, targets, batch.documents());
    try (TrainingModel model = TrainingModel.of(base, own, 3);
        TrainingPass pass = new TrainingPass(model, pool, Blocking.defaults(), true, rows)) {
      fillB(model);
      pass.forwardBackward(fitting, 0.05f, 0, 2);
      return gradients(model);
    }
  }

  @Test
  void nothingButTheAdapterAndWhatItSavesHasAGradientOrMoments() {
    LoraConfig config =
        new LoraConfig(3, 6, 0, false, List.of("q_proj", "layers.1.mlp.fc2"), List.of("lm_head"));
    TrainableParameters own = TrainableParameters.adapter(parameters, config);
    assertEquals(301 * 73 + 3 * (2 * (72 + 72) + 172), own.parameterCount());
    float[] before = values(base.layers().get(1).fc2().weight());
    List<int[]> data = List.of(IntStream.range(0, 30).toArray(), new int[] {7, 8, 9, 10});
    TrainingConfig settings =
        TrainingConfig.defaults(0.01)
            .withSequences(32, false)
            .withBatch(1, 2)
            .withMaxSteps(4)
            .withResidDropout(0.1);
    try (Trainer trainer =
        Trainer.of(base, own, TokenDataset.of(data), settings, RowSet.none(), 2)) {
      trainer.run();
      assertEquals(
          List.of(
              PeftNames.a("model.layers.0.self_attn.q_proj"),
              PeftNames.b("model.layers.0.self_attn.q_proj"),
              PeftNames.a("model.layers.1.self_attn.q_proj"),
              PeftNames.b("model.layers.1.self_attn.q_proj"),
              PeftNames.a("model.layers.1.mlp.fc2"),
              PeftNames.b("model.layers.1.mlp.fc2"),
              "lm_head.weight",
              "lm_head.bias"),
          trainer.moments().stream().map(moments -> moments.rows().name()).toList());
      for (float b :
          values(matrix(trainer.model(), PeftNames.b("model.layers.1.mlp.fc2")).master())) {
        assertTrue(b != 0, "B trains");
      }
      assertThrows(IllegalStateException.class, () -> trainer.save(folder));
    }
    assertArrayEquals(before, values(base.layers().get(1).fc2().weight()));
  }

  @Test
  void whatAnAdapterCannotBeIsRefusedByName() {
    assertRefused("lora_r: 0", () -> new LoraConfig(0, 1, 0, false, List.of("fc1"), List.of()));
    assertRefused(
        "lora_dropout: 1.0", () -> new LoraConfig(1, 1, 1, false, List.of("fc1"), List.of()));
    assertRefused(
        "lora_modules_to_save: fc1",
        () -> new LoraConfig(1, 1, 0, false, List.of("fc1"), List.of("fc1")));
    LoraConfig head = new LoraConfig(1, 1, 0, false, List.of("lm_head"), List.of());
    assertRefused(
        "lora_target_modules: \"lm_head\" names no linear layer",
        () -> TrainableParameters.adapter(parameters, head));
    TrainableParameters own = TrainableParameters.adapter(parameters, config(0));
    assertRefused("lm_head.weight: unfrozen beside", () -> own.unfreeze("lm_head.weight"));
  }

  private static void assertRefused(String start, Runnable call) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.startsWith(start), message);
  }
}
