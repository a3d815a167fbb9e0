package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class InPlaceTrainingTest {
  private static final PhiConfig CONFIG = PhiConfigs.small();
  private static final int OLD = 70;

  @TempDir Path folder;

  private static TokenDataset data() {
    SplittableRandom random = new SplittableRandom(3);
    return TokenDataset.of(
        List.of(
            random.ints(30, 0, CONFIG.vocabSize()).toArray(),
            random.ints(17, 0, CONFIG.vocabSize()).toArray()));
  }

  private static TrainingConfig config() {
    return TrainingConfig.defaults(0.01)
        .withSequences(32, false)
        .withMaxSteps(3)
        .withOptimizer(OptimizerConfig.defaults(0.01).withWeightDecay(0.1, List.of()));
  }

  private Path base() throws IOException {
    Path base = folder.resolve("base");
    if (!Files.exists(base)) {
      try (PhiModel model = PhiModel.random(CONFIG, ElementType.BF16, 5, 2);
          Trainer trainer =
              Trainer.of(
                  model, EeveStage.ALL_LAYERS.select(Parameters.of(model), 0), data(), config())) {
        trainer.save(base);
      }
    }
    return base;
  }

  /** The weights' file after three updates. */
  private byte[] trained(TrainableParameters own, String name) throws IOException {
    Path output = folder.resolve(name);
    try (PhiModel model = PhiModel.open(base(), own.parameters().types(), 2);
        Trainer trainer = Trainer.of(model, own, data(), config())) {
      trainer.run();
      trainer.save(output);
    }
    return Files.readAllBytes(output.resolve("model.safetensors"));
  }

  @ParameterizedTest
  @EnumSource(EeveStage.class)
  void trainingInPlaceEndsWithTheBitsOfTrainingCopies(EeveStage stage) throws IOException {
    TrainableParameters copies = stage.select(Parameters.of(CONFIG, ElementType.BF16), OLD);
    byte[] expected = trained(copies, "copies");
    assertFalse(
        Arrays.equals(expected, Files.readAllBytes(base().resolve("model.safetensors"))),
        "nothing was trained");
    assertArrayEquals(expected, trained(copies.inPlace(), "in-place"));
  }

  @Test
  void wholeMatricesHaveNoCopyAndPartsOfOneDo() {
    TrainableParameters own =
        EeveStage.NEW_INPUT_ALL_OUTPUT_EMBEDDINGS
            .select(Parameters.of(CONFIG, ElementType.BF16), OLD)
            .inPlace();
    try (PhiModel model = PhiModel.random(CONFIG, own.parameters().types(), 1, 2);
        TrainingModel training = TrainingModel.of(model, own)) {
      assertSame(model.lmHead().weight(), training.lmHead().weight().getFirst().weights());
      assertEquals(ElementType.BF16, model.embedTokens().type(), "rows of it stay frozen");
      long masters =
          training.trained().stream()
              .mapToLong(
                  rows ->
                      rows instanceof TrainedMatrix matrix
                              && matrix.master() != model.lmHead().weight()
                          ? matrix.master().byteSize()
                          : 0)
              .sum();
      long bias = (long) Float.BYTES * CONFIG.vocabSize();
      assertEquals(masters + bias, TrainingModel.masterBytes(own, OptimizerMemory.EXACT));
      assertTrue(
          GradientMemory.byteSize(own, false)
              >= Weights.byteSize(ElementType.F32, CONFIG.vocabSize(), CONFIG.hiddenSize()));
    }
  }
}
