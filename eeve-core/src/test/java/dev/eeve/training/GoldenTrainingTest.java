package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.Golden;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.internal.StrictJson;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class GoldenTrainingTest {
  @SuppressWarnings("unused") // by name, below
  private static final List<String> MODELS = Golden.MODELS;

  @TempDir private Path folder;

  private static JsonNode answers(String model) throws IOException {
    return StrictJson.parse(
        "golden.json", Files.readAllBytes(Golden.folder(model).resolve("golden.json")));
  }

  private static TokenDataset data(JsonNode golden) {
    List<int[]> rows = golden.get("input_ids").valueStream().map(GoldenTrainingTest::ints).toList();
    return TokenDataset.of(rows);
  }

  private static int[] ints(JsonNode array) {
    return array.valueStream().mapToInt(JsonNode::intValue).toArray();
  }

  private static TrainingConfig config(JsonNode golden, String rate, int micro, int accumulation) {
    OptimizerConfig optimizer =
        OptimizerConfig.defaults(golden.get("adamw").get(rate).doubleValue())
            .withSchedule(LearningRateSchedule.Kind.CONSTANT, 0, 0)
            .withWeightDecay(0.1, List.of())
            .withMaxGradNorm(0);
    return TrainingConfig.defaults(1)
        .withOptimizer(optimizer)
        .withBatch(micro, accumulation)
        .withOrder(false, 1, 0)
        .withMaxSteps(4);
  }

  private static TrainableParameters partial(PhiModel model, JsonNode golden) {
    RowSet rows = RowSet.from(golden.get("number_of_old_tokens").intValue());
    return TrainableParameters.of(Parameters.of(model))
        .unfreezeRows("model.embed_tokens.weight", rows)
        .unfreezeRows("lm_head.weight", rows);
  }

  private static Map<String, float[]> tensors(Path file, String prefix) throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    try (Safetensors source = Safetensors.open(file)) {
      for (TensorInfo tensor : source.tensors().values()) {
        if (tensor.name().startsWith(prefix)) {
          ByteBuffer bytes =
              ByteBuffer.allocateDirect((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
          source.read(tensor, 0, bytes);
          float[] values = new float[bytes.flip().remaining() / 4];
          bytes.asFloatBuffer().get(values);
          tensors.put(tensor.name().substring(prefix.length()), values);
        }
      }
    }
    return tensors;
  }

  private static void assertLosses(JsonNode expected, Trainer trainer) {
    for (JsonNode loss : expected) {
      assertEquals(loss.doubleValue(), trainer.step().loss(), 1e-5 * loss.doubleValue());
    }
    assertTrue(trainer.isFinished());
  }

  /** Relative to the tensor's length: the error's norm over its own. */
  private static void assertNear(float[] expected, float[] actual, double bound, String name) {
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow((double) expected[i] - actual[i], 2);
      size += Math.pow(expected[i], 2);
    }
    double relative = Math.sqrt(error / Math.max(size, 1e-30));
    assertTrue(relative <= bound, name + ": relative error " + relative);
  }

  /** Each trained range's master, laid out like the parameter's rows. */
  private static void assertMasters(Map<String, float[]> expected, Trainer trainer) {
    for (TrainedRows rows : trainer.model().trained()) {
      float[] all = expected.get(rows.name());
      float[] found;
      int columns;
      switch (rows) {
        case TrainedMatrix m -> {
          columns = m.master().columns();
          found = new float[rows.rows() * columns];
          for (int r = 0; r < rows.rows(); r++) {
            m.master().row(r, found, r * columns);
          }
        }
        case TrainedVector v -> {
          columns = 1;
          found = Arrays.copyOfRange(v.values(), v.firstRow(), v.firstRow() + v.rows());
        }
      }
      int from = rows.firstRow() * columns;
      float[] wanted = Arrays.copyOfRange(all, from, from + found.length);
      assertNear(wanted, found, 1e-4, rows.name());
    }
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void fourUpdatesOfNewRowsAreTheReferences(String name) throws IOException {
    JsonNode golden = answers(name);
    try (PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), 2);
        Trainer trainer =
            Trainer.of(
                model, partial(model, golden), data(golden), config(golden, "partial_lr", 2, 1))) {
      assertLosses(golden.get("partial_losses"), trainer);
      assertMasters(
          tensors(Golden.folder(name).resolve("golden.safetensors"), "partial."), trainer);
    }
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void fourUpdatesOfEverythingAreTheReferencesHoweverABatchIsCut(String name) throws IOException {
    JsonNode golden = answers(name);
    Map<String, float[]> expected =
        tensors(Golden.folder(name).resolve("golden.safetensors"), "full.");
    for (int[] cut : new int[][] {{2, 1}, {1, 2}}) {
      try (PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), 2);
          Trainer trainer =
              Trainer.of(
                  model,
                  EeveStage.ALL_LAYERS.select(Parameters.of(model), 0),
                  data(golden),
                  config(golden, "full_lr", cut[0], cut[1]))) {
        assertLosses(golden.get("full_losses"), trainer);
        assertMasters(expected, trainer);
      }
    }
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void aSavedFolderHoldsFrozenRowsBitForBitAndTrainedOnesRounded(String name) throws IOException {
    JsonNode golden = answers(name);
    try (PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), 2);
        Trainer trainer =
            Trainer.of(
                model, partial(model, golden), data(golden), config(golden, "partial_lr", 2, 1))) {
      trainer.run();
      trainer.save(folder);
      try (PhiModel saved = PhiModel.open(folder, Optional.empty(), 1)) {
        assertEquals(model.type(), saved.type());
        BaseTensors before = new BaseTensors(model);
        BaseTensors after = new BaseTensors(saved);
        for (Parameter parameter : Parameters.of(model).all()) {
          RowSet trained = trainer.model().trainable().rows(parameter.name());
          if (parameter.isVector()) {
            assertArrayEquals(before.vector(parameter.name()), after.vector(parameter.name()));
            continue;
          }
          float[] was = new float[parameter.columns()];
          float[] is = new float[parameter.columns()];
          for (int r = 0; r < parameter.rows(); r++) {
            before.matrix(parameter.name()).row(r, was, 0);
            after.matrix(parameter.name()).row(r, is, 0);
            assertEquals(trained.contains(r), !Arrays.equals(was, is), parameter.name() + " " + r);
          }
        }
      }
    }
  }
}
