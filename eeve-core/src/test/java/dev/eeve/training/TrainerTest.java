package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.DType;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TrainerTest {
  private static final PhiConfig CONFIG = config(0, 0);

  private final PhiModel model = PhiModel.random(CONFIG, ElementType.BF16, 5, 2);

  private static PhiConfig config(double embdPdrop, double attentionDropout) {
    return new PhiConfig(
        300,
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
        embdPdrop,
        attentionDropout,
        0.2,
        OptionalInt.empty(),
        List.of(),
        Optional.<DType>empty());
  }

  @AfterEach
  void close() {
    model.close();
  }

  private TrainableParameters everything() {
    return EeveStage.ALL_LAYERS.select(Parameters.of(model), 0);
  }

  /** Sequences of some lengths. */
  private static TokenDataset data(int... lengths) {
    SplittableRandom random = new SplittableRandom(3);
    List<int[]> sequences = new ArrayList<>();
    for (int length : lengths) {
      sequences.add(random.ints(length, 0, 300).toArray());
    }
    return TokenDataset.of(sequences);
  }

  private static TrainingConfig config(int micro, int accumulation, int steps) {
    return TrainingConfig.defaults(0.01)
        .withSequences(64, false)
        .withBatch(micro, accumulation)
        .withOrder(false, 1, 0)
        .withOptimizer(
            OptimizerConfig.defaults(0.01)
                .withSchedule(LearningRateSchedule.Kind.CONSTANT, 0, 0)
                .withWeightDecay(0.1, List.of()))
        .withMaxSteps(steps);
  }

  /** What a trainer ends with: losses, then all masters. */
  private record Result(List<Double> losses, List<float[]> masters) {}

  private Result train(TokenDataset data, TrainingConfig config, int threads) {
    try (Trainer trainer = Trainer.of(model, everything(), data, config, RowSet.none(), threads)) {
      List<Double> losses = new ArrayList<>();
      while (!trainer.isFinished()) {
        losses.add(trainer.step().loss());
      }
      List<float[]> masters = new ArrayList<>();
      for (TrainedRows rows : trainer.model().trained()) {
        switch (rows) {
          case TrainedVector vector -> masters.add(vector.values().clone());
          case TrainedMatrix matrix -> {
            for (int r = 0; r < matrix.rows(); r++) {
              float[] row = new float[matrix.master().columns()];
              matrix.master().row(r, row, 0);
              masters.add(row);
            }
          }
        }
      }
      return new Result(losses, masters);
    }
  }

  private static void assertNear(Result expected, Result found, double bound) {
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.masters.size(); i++) {
      for (int j = 0; j < expected.masters.get(i).length; j++) {
        error += Math.pow(expected.masters.get(i)[j] - (double) found.masters.get(i)[j], 2);
        size += Math.pow(expected.masters.get(i)[j], 2);
      }
    }
    assertTrue(Math.sqrt(error / size) < bound, "masters: " + Math.sqrt(error / size));
    for (int i = 0; i < expected.losses.size(); i++) {
      assertEquals(expected.losses.get(i), found.losses.get(i), bound * expected.losses.get(i));
    }
  }

  @Test
  void aBatchCutIntoFourTwoOrOneAgreesToRounding() {
    TokenDataset data = data(30, 7, 19, 44);
    Result whole = train(data, config(4, 1, 3), 2);
    assertNear(whole, train(data, config(2, 2, 3), 2), 1e-5);
    assertNear(whole, train(data, config(1, 4, 3), 2), 1e-5);
  }

  @Test
  void aPackedBatchUpdatesLikeTheSameDocumentsUnpacked() {
    TokenDataset data = data(20, 31, 12);
    Result unpacked = train(data, config(3, 1, 3), 2);
    TrainingConfig packed = config(1, 1, 3).withSequences(64, true);
    assertNear(unpacked, train(data, packed, 2), 1e-5);
  }

  @Test
  void theSameBitsComeFromOneTwoAndThreeThreads() {
    TokenDataset data = data(30, 7, 19, 44);
    Result one = train(data, config(2, 2, 2), 1);
    for (int threads = 2; threads <= 3; threads++) {
      Result more = train(data, config(2, 2, 2), threads);
      assertEquals(one.losses, more.losses);
      for (int i = 0; i < one.masters.size(); i++) {
        assertArrayEquals(one.masters.get(i), more.masters.get(i));
      }
    }
  }

  @Test
  void aLossThatIsNotFiniteStopsWithStepAndSequences() {
    TrainingConfig wild =
        config(2, 1, 9)
            .withOptimizer(
                OptimizerConfig.defaults(1e25)
                    .withSchedule(LearningRateSchedule.Kind.CONSTANT, 0, 0));
    try (Trainer trainer = Trainer.of(model, everything(), data(9, 12, 20, 8), wild)) {
      trainer.step();
      Exception e = assertThrows(ArithmeticException.class, trainer::step);
      String message = e.getMessage();
      assertTrue(message.startsWith("step 2: loss "), message);
      assertTrue(message.contains(" is not finite, over sequences [2, 3]; lower"), message);
      assertEquals(1, trainer.steps(), "nothing was updated");
    }
  }

  /** Keys near the largest float and queries near the smallest: only a gradient overflows. */
  @Test
  void aGradientThatIsNotFiniteStopsWithItsParameter() {
    try (Trainer trainer = Trainer.of(model, everything(), data(40), config(1, 1, 9))) {
      for (TrainedRows rows : trainer.model().trained()) {
        if (rows.name().equals("model.layers.1.self_attn.k_proj.weight")) {
          scale((TrainedMatrix) rows, 1e37f);
        } else if (rows.name().equals("model.layers.1.self_attn.q_proj.weight")) {
          scale((TrainedMatrix) rows, 1e-37f);
        } else if (rows.name().equals("lm_head.weight")) {
          scale((TrainedMatrix) rows, 1e4f);
        }
      }
      Exception e = assertThrows(ArithmeticException.class, trainer::step);
      String message = e.getMessage();
      assertTrue(message.startsWith("step 1: gradient of model."), message);
      assertTrue(message.contains("] is not finite, over sequences [0]; "), message);
    }
  }

  private static void scale(TrainedMatrix rows, float factor) {
    Weights master = rows.master();
    float[] row = new float[master.columns()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate(4L * master.rows() * master.columns());
      for (int r = 0; r < master.rows(); r++) {
        master.row(r, row, 0);
        for (int i = 0; i < row.length; i++) {
          long at = (long) r * row.length + i;
          all.setAtIndex(ValueLayout.JAVA_FLOAT, at, row[i] * factor);
        }
      }
      master.put(0, master.rows(), all, ElementType.F32);
    }
  }

  @Test
  void aStageThatHasConvergedStopsEarly() {
    TrainingConfig config = config(1, 1, 50);
    TrainingConfig early =
        new TrainingConfig(
            config.sequenceLen(),
            false,
            1,
            1,
            50,
            1,
            config.optimizer(),
            false,
            0,
            OptionalDouble.empty(),
            false,
            1,
            new EarlyStop(2, 1000));
    try (Trainer trainer = Trainer.of(model, everything(), data(20), early)) {
      trainer.run();
      assertEquals(4, trainer.steps(), "two windows of two");
      assertTrue(trainer.isFinished());
    }
  }

  @Test
  void oneBatchIsLearntByHeart() {
    TrainingConfig config = config(2, 1, 60).withOptimizer(OptimizerConfig.defaults(0.01));
    Result result = train(data(30, 20), config, 2);
    assertTrue(result.losses.getFirst() > 5, result.losses.toString());
    assertTrue(result.losses.getLast() < 0.05, result.losses.toString());
  }

  @Test
  void dropoutThatTrainingLacksIsRefusedByItsKey() {
    for (String key : List.of("embd_pdrop", "attention_dropout")) {
      boolean embedding = key.startsWith("embd");
      PhiConfig config = config(embedding ? 0.1 : 0, embedding ? 0 : 0.1);
      try (PhiModel other = PhiModel.random(config, ElementType.F32, 1, 1)) {
        TrainableParameters all = EeveStage.ALL_LAYERS.select(Parameters.of(other), 0);
        Exception e =
            assertThrows(
                IllegalArgumentException.class,
                () -> Trainer.of(other, all, data(9), config(1, 1, 1)));
        assertTrue(e.getMessage().startsWith(key + ": 0.1, needed 0"), e.getMessage());
      }
    }
  }

  @Test
  void nothingBelowTheLowestTrainedRowIsComputed() {
    Parameters parameters = Parameters.of(model);
    try (TrainingModel head =
            TrainingModel.of(model, EeveStage.ALL_OUTPUT_EMBEDDINGS.select(parameters, 0));
        TrainingActivations s =
            new TrainingActivations(CONFIG, Optional.empty(), 16, 16, head.lowestLayer(), false)) {
      assertEquals(2, head.lowestLayer(), "stages 2 and 4 need no layer");
      assertEquals(1, s.h.size(), "no layer's input is kept");
      assertEquals(0, s.dh.rows() + s.dq.rows() + s.dk.rows() + s.dv.rows() + s.df.rows());
    }
    TrainableParameters upper =
        TrainableParameters.of(parameters).unfreeze("model.layers.1.mlp.fc2.weight");
    assertEquals(1, TrainingModel.lowestLayer(CONFIG, upper));
    TrainingBatch batch = SequencePacker.batch(data(16), 0);
    try (TrainingModel training = TrainingModel.of(model, upper);
        TrainingActivations s =
            new TrainingActivations(CONFIG, Optional.empty(), 16, 16, 1, false);
        WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers()) {
      TrainingForward.forward(workers, training, s, batch, ResidualDropout.OFF);
      List<FloatMatrix> below = List.of(s.dq, s.dk, s.dv, s.df);
      below.forEach(matrix -> Arrays.fill(matrix.data(), Float.NaN));
      Arrays.fill(s.dx.data(), 1f);
      PhiBackward.backward(
          workers, training, s, batch, ResidualDropout.OFF, false, GradientFlow.ADDS);
      for (FloatMatrix matrix : below) {
        for (float value : matrix.data()) {
          assertTrue(Float.isNaN(value), "written, though nothing below fc2 trains");
        }
      }
      assertTrue(Float.isFinite(norm(training)) && norm(training) > 0);
    }
  }

  private static float norm(TrainingModel training) {
    TrainedMatrix fc2 = (TrainedMatrix) training.trained().getFirst();
    float[] row = new float[fc2.gradient().columns()];
    fc2.gradient().row(0, row, 0);
    float sum = 0;
    for (float g : row) {
      sum += g * g;
    }
    return sum;
  }
}
