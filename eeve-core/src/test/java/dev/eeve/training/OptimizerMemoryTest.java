package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.checkpoint.DType;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.training.OptimizerMemory.GradNormFrom;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class OptimizerMemoryTest {
  private static final int VOCABULARY = 300;
  private static final PhiConfig CONFIG =
      new PhiConfig(
          VOCABULARY,
          64,
          128,
          2,
          4,
          4,
          0.5,
          10_000,
          1e-5,
          64,
          0,
          0,
          0,
          0.2,
          OptionalInt.empty(),
          List.of(),
          Optional.<DType>empty());

  private static PhiModel model(ElementType type) {
    return PhiModel.random(CONFIG, type, 5, 2);
  }

  private static TrainableParameters everything(PhiModel model) {
    return EeveStage.ALL_LAYERS.select(Parameters.of(model), 0);
  }

  /** Sequences that can be learnt: of five tokens four follow from the one before. */
  private static TokenDataset data(int count, int length, long seed) {
    int[] successors = IntStream.range(0, VOCABULARY).toArray();
    new RandomNumbers(1).shuffle(successors);
    SplittableRandom random = new SplittableRandom(seed);
    List<int[]> sequences = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int[] ids = new int[length];
      for (int t = 0; t < length; t++) {
        boolean follows = t > 0 && random.nextInt(5) > 0;
        ids[t] = follows ? successors[ids[t - 1]] : random.nextInt(VOCABULARY);
      }
      sequences.add(ids);
    }
    return TokenDataset.of(sequences);
  }

  private static TrainingConfig config(OptimizerMemory memory, double maxNorm, int steps) {
    return TrainingConfig.defaults(0.01)
        .withSequences(64, false)
        .withBatch(2, 1)
        .withOrder(false, 1, 0)
        .withOptimizer(
            OptimizerConfig.defaults(0.01)
                .withSchedule(LearningRateSchedule.Kind.CONSTANT, 0, 0)
                .withMaxGradNorm(maxNorm)
                .withWeightDecay(0.1, List.of(".+bias"))
                .withMemory(memory))
        .withMaxSteps(steps);
  }

  /** Losses, norms and then every row that trains. */
  private static List<float[]> train(
      ElementType type, List<String> patterns, TrainingConfig config, int threads) {
    try (PhiModel model = model(type)) {
      TrainableParameters own = TrainableParameters.matching(Parameters.of(model), patterns);
      TokenDataset data = data(8, 24, 3);
      try (Trainer trainer = Trainer.of(model, own, data, config, RowSet.none(), threads)) {
        List<float[]> all = new ArrayList<>();
        while (!trainer.isFinished()) {
          TrainingStep step = trainer.step();
          all.add(new float[] {(float) step.loss(), (float) step.gradNorm()});
        }
        for (TrainedRows rows : trainer.model().trained()) {
          switch (rows) {
            case TrainedVector vector -> all.add(vector.values().clone());
            case TrainedMatrix matrix -> {
              for (int r = 0; r < matrix.rows(); r++) {
                float[] row = new float[matrix.master().columns()];
                matrix.master().row(r, row, 0);
                all.add(row);
              }
            }
          }
        }
        return all;
      }
    }
  }

  private static void assertSame(List<float[]> expected, List<float[]> found) {
    assertEquals(expected.size(), found.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), found.get(i), "at " + i);
    }
  }

  @Test
  void updatesWithinTheBackwardPassHaveTheBitsOfUpdatesAfterIt() {
    OptimizerMemory within = new OptimizerMemory(false, false, true, GradNormFrom.SECOND_PASS);
    List<List<String>> selections =
        List.of(
            List.of(".+"),
            List.of("^lm_head.weight$[40:]", "^model.embed_tokens.weight$[33:100]"),
            List.of("^lm_head.weight$"),
            List.of("model.layers.+", "model.final_layernorm.+"));
    for (List<String> own : selections) {
      for (double maxNorm : new double[] {0, 0.5}) {
        List<float[]> after =
            train(ElementType.F32, own, config(OptimizerMemory.EXACT, maxNorm, 3), 2);
        assertSame(after, train(ElementType.F32, own, config(within, maxNorm, 3), 2));
        assertSame(
            after,
            train(
                ElementType.F32,
                own,
                config(within, maxNorm, 3).withGradientCheckpointing(true),
                3));
      }
    }
  }

  @Test
  void theNormBeforeClipsFromTheSecondUpdateOn() {
    OptimizerMemory own = new OptimizerMemory(false, false, true, GradNormFrom.SECOND_PASS);
    OptimizerMemory before = new OptimizerMemory(false, false, true, GradNormFrom.PREVIOUS_STEP);
    List<String> all = List.of(".+");
    assertSame(
        train(ElementType.F32, all, config(own, 0.5, 1), 2),
        train(ElementType.F32, all, config(before, 0.5, 1), 2));
    List<float[]> a = train(ElementType.F32, all, config(own, 0.5, 3), 2);
    List<float[]> b = train(ElementType.F32, all, config(before, 0.5, 3), 2);
    assertArrayEquals(a.get(1), b.get(1), "what the second update finds");
    assertNotEquals(a.get(2)[0], b.get(2)[0], "what it does");
    assertEquals(a.get(2)[0], b.get(2)[0], 0.2);
  }

  @Test
  void theLeastMemoryGivesTheSameBitsAtAnyThreadCountAndHowActivationsAreKept() {
    List<String> own = List.of("model.+", "^lm_head.weight$[40:]", "lm_head.bias");
    TrainingConfig config = config(OptimizerMemory.LEAST, 0.5, 3);
    List<float[]> one = train(ElementType.BF16, own, config, 1);
    assertSame(one, train(ElementType.BF16, own, config.withGradientCheckpointing(true), 2));
    assertSame(one, train(ElementType.BF16, own, config, 3));
    TrainingConfig other = config.withOrder(false, 2, 0);
    assertFalse(
        Arrays.equals(one.getLast(), train(ElementType.BF16, own, other, 1).getLast()),
        "another seed rounds otherwise");
  }

  @Test
  void eightBitMomentsAndBfloat16RoundedByChanceEndWithinOnePercentOfFp32() {
    TokenDataset data = data(256, 32, 7);
    TokenDataset held = data(64, 32, 8);
    double exact = validationLoss(OptimizerMemory.EXACT, data, held);
    double least = validationLoss(OptimizerMemory.LEAST, data, held);
    assertTrue(exact < 2.5, "learns: " + exact + ", " + Math.log(VOCABULARY) + " knows nothing");
    assertEquals(exact, least, 0.01 * exact);
  }

  private static double validationLoss(
      OptimizerMemory memory, TokenDataset data, TokenDataset held) {
    TrainingConfig config =
        TrainingConfig.defaults(3e-3)
            .withSequences(64, false)
            .withBatch(8, 1)
            .withOptimizer(OptimizerConfig.defaults(3e-3).withMemory(memory))
            .withMaxSteps(300);
    try (PhiModel model = model(ElementType.BF16);
        Trainer trainer = Trainer.of(model, everything(model), data, config)) {
      trainer.run();
      return trainer.evaluate(held);
    }
  }

  @Test
  void anAdapterTrainsWithEightBitMomentsToo() {
    OptimizerMemory memory = new OptimizerMemory(true, false, false, GradNormFrom.PREVIOUS_STEP);
    LoraConfig lora = new LoraConfig(4, 8, 0, false, LoraConfig.ALL_LINEAR, List.of());
    double[] losses = new double[2];
    for (int i = 0; i < 2; i++) {
      TrainingConfig config = config(i == 0 ? OptimizerMemory.EXACT : memory, 1, 30);
      try (PhiModel model = model(ElementType.BF16)) {
        TrainableParameters own = TrainableParameters.adapter(Parameters.of(model), lora);
        MemoryPlan plan = TrainingMemory.plan(CONFIG, own, config, data(8, 24, 3), 2);
        try (Trainer trainer = Trainer.of(model, own, data(8, 24, 3), config)) {
          trainer.run();
          losses[i] = trainer.evaluate(data(8, 24, 3));
          long moments = 0;
          for (Moments one : trainer.moments()) {
            moments += byteSize(one);
          }
          assertEquals(moments, bytes(plan, "moments"));
        }
      }
    }
    assertTrue(losses[0] < 5, "learns: " + losses[0]);
    assertEquals(losses[0], losses[1], 0.05 * losses[0]);
  }

  @Test
  void wholeGroupsTrainInPlaceAndFrozenRowsBesideOthersStay() {
    try (PhiModel base = model(ElementType.BF16);
        PhiModel model = model(ElementType.BF16)) {
      TrainableParameters own =
          TrainableParameters.of(Parameters.of(model))
              .unfreezeRows("lm_head.weight", RowSet.range(64, 160))
              .unfreezeRows("model.embed_tokens.weight", RowSet.range(10, 40));
      TrainingConfig config = config(OptimizerMemory.LEAST, 1, 4);
      try (Trainer trainer = Trainer.of(model, own, data(8, 24, 3), config)) {
        trainer.run();
        float[] copied = new float[64];
        ((TrainedMatrix) trainer.model().trained().getFirst()).master().row(5, copied, 0);
        assertFalse(Arrays.equals(copied, row(base.embedTokens(), 15)), "copied rows train");
      }
      for (int r = 0; r < VOCABULARY; r++) {
        assertArrayEquals(row(base.embedTokens(), r), row(model.embedTokens(), r));
        boolean same =
            Arrays.equals(row(base.lmHead().weight(), r), row(model.lmHead().weight(), r));
        assertEquals(r < 64 || r >= 160, same, "row " + r);
      }
    }
  }

  private static float[] row(Weights weights, int row) {
    float[] values = new float[weights.columns()];
    weights.row(row, values, 0);
    return values;
  }

  @Test
  void whatIsTakenIsWhatIsPlanned() {
    for (OptimizerMemory memory : List.of(OptimizerMemory.EXACT, OptimizerMemory.LEAST)) {
      try (PhiModel model = model(ElementType.BF16)) {
        TrainableParameters own =
            TrainableParameters.of(Parameters.of(model))
                .unfreezeRows("lm_head.weight", RowSet.range(33, 100))
                .unfreeze("model.layers.1.mlp.fc1.weight", "model.layers.0.mlp.fc2.weight");
        TrainingConfig config = config(memory, 1, 1);
        MemoryPlan plan = TrainingMemory.plan(CONFIG, own, config, data(2, 24, 1), 2);
        boolean least = memory.equals(OptimizerMemory.LEAST);
        try (TrainingModel training = TrainingModel.of(model, own, memory, 1);
            Optimizer optimizer = new Optimizer(training, config.optimizer(), 1)) {
          long masters = 0;
          long gradients = 0;
          long moments = 0;
          for (Moments one : optimizer.moments()) {
            TrainedMatrix rows = (TrainedMatrix) one.rows();
            boolean copied = !least || rows.name().startsWith("lm_head");
            masters += copied ? rows.master().byteSize() : 0;
            long gradient = rows.gradient().byteSize();
            gradients = least ? Math.max(gradients, gradient) : gradients + gradient;
            moments += byteSize(one);
          }
          assertEquals(masters, bytes(plan, "masters"));
          assertEquals(gradients, bytes(plan, "gradients"));
          assertEquals(moments, bytes(plan, "moments"));
        }
      }
    }
  }

  private static long byteSize(Moments moments) {
    return switch (moments) {
      case Moments.OfMatrix m -> m.first().byteSize() + m.second().byteSize();
      case Moments.InBlocks m ->
          m.both().memory().stream().mapToLong(MemorySegment::byteSize).sum();
      case Moments.OfVector v -> 2L * Float.BYTES * v.first().length;
    };
  }

  private static long bytes(MemoryPlan plan, String name) {
    return plan.items().stream()
        .filter(item -> item.name().equals(name))
        .mapToLong(MemoryPlan.Item::bytes)
        .sum();
  }

  @Test
  void everyParameterOfEeveFitsInSixteenGigabytes() {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    TrainableParameters all =
        EeveStage.ALL_LAYERS.select(Parameters.of(eeve, ElementType.BF16), 50_295);
    TrainingConfig config =
        config(OptimizerMemory.LEAST, 1, 1)
            .withSequences(512, true)
            .withGradientCheckpointing(true);
    TrainingMemory.Batch batch = new TrainingMemory.Batch(512, 512);
    MemoryPlan plan = TrainingMemory.plan(eeve, all, config, batch, 0, eeve.vocabSize(), 2);
    assertTrue(plan.bytes() < 14_000_000_000L, plan.toString());
    assertEquals(603_586_560L, bytes(plan, "gradients") / 4 * 4, 20_000_000);
  }

  @Test
  void anUpdateThatFailsHalfWayEndsTheTrainer() {
    try (PhiModel model = model(ElementType.BF16);
        Trainer trainer =
            Trainer.of(
                model, everything(model), data(8, 24, 3), config(OptimizerMemory.LEAST, 0, 9))) {
      for (TrainedRows rows : trainer.model().trained()) {
        if (rows.name().equals("model.layers.0.self_attn.k_proj.weight")) {
          scale((TrainedMatrix) rows, 1e37f);
        } else if (rows.name().equals("model.layers.0.self_attn.q_proj.weight")) {
          scale((TrainedMatrix) rows, 1e-37f);
        } else if (rows.name().equals("lm_head.weight")) {
          scale((TrainedMatrix) rows, 1e4f);
        }
      }
      String message = assertThrows(ArithmeticException.class, trainer::step).getMessage();
      assertTrue(message.startsWith("step 1: gradient of model."), message);
      assertEquals(0, trainer.steps());
      message = assertThrows(IllegalStateException.class, trainer::step).getMessage();
      assertTrue(message.contains("go on from a checkpoint"), message);
    }
  }

  private static void scale(TrainedMatrix rows, float factor) {
    Weights master = rows.master();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(4L * master.columns());
      for (int r = 0; r < master.rows(); r++) {
        float[] row = row(master, r);
        for (int i = 0; i < row.length; i++) {
          strip.setAtIndex(ValueLayout.JAVA_FLOAT, i, row[i] * factor);
        }
        master.put(r, 1, strip, ElementType.F32);
      }
    }
  }

  @Test
  void settingsThatDoNotGoTogetherAreRefusedByTheirKeys() {
    TrainingConfig least = config(OptimizerMemory.LEAST, 1, 1);
    try (PhiModel model = model(ElementType.F16)) {
      assertRefused(
          "bf16_stochastic_round: model.embed_tokens.weight is F16, needed BF16",
          () -> Trainer.of(model, everything(model), data(2, 9, 1), least));
      LoraConfig lora = LoraConfig.defaults();
      TrainableParameters adapter = TrainableParameters.adapter(Parameters.of(model), lora);
      assertRefused(
          "optimizer_in_bwd: given beside an adapter",
          () -> Trainer.of(model, adapter, data(2, 9, 1), least));
    }
    assertRefused(
        "bf16_stochastic_round: given with fp32 moments",
        () -> new OptimizerMemory(false, true, false, GradNormFrom.PREVIOUS_STEP));
    assertRefused(
        "gradient_accumulation_steps: 2, needed 1 with optimizer_in_bwd",
        () -> least.withBatch(1, 2));
  }

  private static void assertRefused(String message, org.junit.jupiter.api.function.Executable e) {
    String found = assertThrows(IllegalArgumentException.class, e).getMessage();
    assertTrue(found.startsWith(message), found);
  }
}
