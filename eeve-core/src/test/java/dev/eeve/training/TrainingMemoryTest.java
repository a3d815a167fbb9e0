package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingMemoryTest {
  private static final TrainingConfig CONFIG =
      TrainingConfig.defaults(1e-3).withSequences(512, true);
  private static final PhiConfig EEVE = PhiConfig.eeve2_8b();

  private static long bytes(MemoryPlan plan, String name) {
    return plan.items().stream()
        .filter(item -> item.name().equals(name))
        .mapToLong(MemoryPlan.Item::bytes)
        .sum();
  }

  private static MemoryPlan plan(
      PhiConfig config, TrainableParameters own, TrainingConfig settings, int rows) {
    TrainingMemory.Batch batch = new TrainingMemory.Batch(rows, rows);
    return TrainingMemory.plan(config, own, settings, batch, 0, config.vocabSize(), 2);
  }

  @Test
  void mastersGradientsMomentsAndCopiesTakeWhatIsPlanned() {
    PhiConfig config = PhiConfigs.small();
    try (PhiModel model = PhiModel.random(config, ElementType.BF16, 1, 2)) {
      TrainableParameters own =
          TrainableParameters.of(Parameters.of(model))
              .unfreezeRows("model.embed_tokens.weight", RowSet.range(33, 100))
              .unfreeze("model.layers.1.mlp.fc1.weight", "lm_head.weight");
      MemoryPlan plan = plan(config, own, CONFIG, 512);
      try (TrainingModel training = TrainingModel.of(model, own)) {
        long masters = 0;
        for (TrainedRows rows : training.trained()) {
          masters += ((TrainedMatrix) rows).master().byteSize();
        }
        assertEquals(masters, bytes(plan, "masters"));
        assertEquals(masters, bytes(plan, "gradients"));
        assertEquals(2 * masters, bytes(plan, "moments"));
        RowSegment behind = training.embedTokens().getLast();
        assertEquals(behind.weights().byteSize(), bytes(plan, "copies_of_frozen_rows"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void activationsTakeWhatIsPlanned(boolean checkpointing) {
    PhiConfig config = PhiConfigs.small();
    for (int lowest = 0; lowest <= 2; lowest++) {
      try (TrainingActivations s =
          new TrainingActivations(config, Optional.empty(), 40, 24, lowest, checkpointing)) {
        List<FloatMatrix> all = new ArrayList<>(s.h);
        all.addAll(List.of(s.x, s.g, s.o, s.m, s.dh, s.dx, s.dq, s.dk, s.dv, s.df));
        long statistics = 2L * s.mean.length;
        for (LayerActivations l : IntStream.range(0, 2).mapToObj(s::layer).distinct().toList()) {
          all.addAll(List.of(l.q, l.k, l.v, l.a, l.max, l.sum, l.f));
          statistics += 2L * l.mean.length;
        }
        long floats = statistics + all.stream().mapToLong(m -> m.data().length).sum();
        assertEquals(
            Float.BYTES * floats + s.cache.byteSize(),
            TrainingActivations.byteSize(config, 40, 24, lowest, checkpointing),
            "from layer " + lowest);
      }
    }
  }

  @Test
  void stagesOfEeveNeedWhatTheirRowsAsk() {
    Parameters parameters = Parameters.of(EEVE, ElementType.BF16);
    long[] totals =
        Arrays.stream(EeveStage.values())
            .mapToLong(stage -> plan(EEVE, stage.select(parameters, 50_295), CONFIG, 512).bytes())
            .toArray();
    assertTrue(totals[1] < totals[0], "stage 2 keeps no layer");
    assertTrue(totals[2] > totals[0] && totals[2] < 9_500_000_000L, Arrays.toString(totals));
    assertTrue(totals[5] > 45_000_000_000L, "16 bytes for each of 2.8 billion");
  }

  @Test
  void whatDoesNotFitIsRefusedWithTheSettingThatHelps() {
    Parameters parameters = Parameters.of(EEVE, ElementType.BF16);
    TrainableParameters all = EeveStage.ALL_LAYERS.select(parameters, 0);
    assertRefused(plan(EEVE, all, CONFIG, 512), CONFIG, 24L << 30, "train fewer rows");
    TrainableParameters some = EeveStage.NEW_INPUT_EMBEDDINGS.select(parameters, 50_295);
    MemoryPlan wide = plan(EEVE, some, CONFIG, 8192);
    assertRefused(wide, CONFIG, 24L << 30, "set gradient_checkpointing: true");
    MemoryPlan fits = plan(EEVE, some, CONFIG, 512);
    assertDoesNotThrow(() -> TrainingMemory.require(fits, CONFIG, 24L << 30, 6L << 30));
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> TrainingMemory.require(fits, CONFIG, 24L << 30, 1L << 30));
    assertTrue(e.getMessage().contains("this JVM may take 1.07 GB; raise -Xmx or set"), "" + e);
  }

  private static void assertRefused(
      MemoryPlan plan, TrainingConfig settings, long memory, String advice) {
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> TrainingMemory.require(plan, settings, memory, memory));
    assertTrue(e.getMessage().startsWith("memory: training needs "), e.getMessage());
    assertTrue(e.getMessage().endsWith(advice) || e.getMessage().contains(advice + ":"), "" + e);
  }
}
