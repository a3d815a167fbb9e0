package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.Golden;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.CrossEntropy;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

@Tag("kernels")
class GoldenGradientTest {
  @SuppressWarnings("unused") // by name, below
  private static final List<String> MODELS = Golden.MODELS;

  private static final Blocking SMALL = new Blocking(8, 16, 32, 64);

  /** Both sequences as documents of one batch; the last token of each has no target. */
  private static TrainingBatch batch(JsonNode golden) {
    int length = golden.get("input_ids").get(0).size();
    int[] ids = new int[2 * length];
    int[] targets = new int[2 * length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = golden.get("input_ids").get(i / length).get(i % length).intValue();
    }
    for (int i = 0; i < ids.length; i++) {
      targets[i] = i % length == length - 1 ? CrossEntropy.IGNORED : ids[i + 1];
    }
    return new TrainingBatch(ids, targets, new int[] {0, length});
  }

  private static JsonNode answers(String model) throws IOException {
    return StrictJson.parse(
        "golden.json", Files.readAllBytes(Golden.folder(model).resolve("golden.json")));
  }

  private static Map<String, float[]> expected(String model) throws IOException {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (Safetensors file = Safetensors.open(Golden.folder(model).resolve("golden.safetensors"))) {
      for (TensorInfo tensor : file.tensors().values()) {
        if (tensor.name().startsWith("grad.")) {
          ByteBuffer bytes =
              ByteBuffer.allocateDirect((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
          file.read(tensor, 0, bytes);
          float[] values = new float[bytes.flip().remaining() / 4];
          bytes.asFloatBuffer().get(values);
          gradients.put(tensor.name().substring("grad.".length()), values);
        }
      }
    }
    return gradients;
  }

  /** What a pass adds to the gradients of a selection, by name and first row. */
  private record Result(double loss, Map<String, float[]> gradients) {
    static Result of(
        PhiModel base,
        TrainableParameters trainable,
        TrainingBatch batch,
        int threads,
        Blocking blocking,
        boolean checkpointing) {
      try (WorkerPool pool = new WorkerPool(threads);
          TrainingModel model = TrainingModel.of(base, trainable);
          TrainingPass pass =
              new TrainingPass(model, pool, blocking, checkpointing, base.config().vocabSize())) {
        double loss = pass.forwardBackward(batch, 1f / batch.targetCount(), 0, 0);
        Map<String, float[]> gradients = new LinkedHashMap<>();
        for (TrainedRows rows : model.trained()) {
          gradients.put(rows.name() + "@" + rows.firstRow(), values(rows));
        }
        return new Result(loss / batch.targetCount(), gradients);
      }
    }

    private static float[] values(TrainedRows rows) {
      return switch (rows) {
        case TrainedVector vector -> vector.gradient().clone();
        case TrainedMatrix matrix -> {
          Weights gradient = matrix.gradient();
          float[] values = new float[gradient.rows() * gradient.columns()];
          for (int r = 0; r < gradient.rows(); r++) {
            gradient.row(r, values, r * gradient.columns());
          }
          yield values;
        }
      };
    }
  }

  private static TrainableParameters everything(PhiModel base) {
    Parameters parameters = Parameters.of(base);
    return TrainableParameters.of(parameters).unfreeze(parameters.names().toArray(String[]::new));
  }

  private static PhiModel open(String name) throws IOException {
    return PhiModel.open(Golden.folder(name), Optional.empty(), 1);
  }

  /** Euclidean distance, relative to the length of what is expected. */
  private static void assertClose(String name, float[] want, float[] found, double tolerance) {
    assertEquals(want.length, found.length, name);
    double error = 0;
    double length = 0;
    for (int i = 0; i < want.length; i++) {
      error += Math.pow(found[i] - (double) want[i], 2);
      length += Math.pow(want[i], 2);
    }
    assertTrue(
        Math.sqrt(error) <= tolerance * Math.sqrt(length),
        name + ": off by " + Math.sqrt(error / length));
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void everyGradientIsTheReferences(String name) throws IOException {
    JsonNode golden = answers(name);
    Map<String, float[]> expected = expected(name);
    try (PhiModel base = open(name)) {
      Result first =
          Result.of(base, everything(base), batch(golden), 1, Blocking.defaults(), false);
      assertEquals(golden.get("loss").doubleValue(), first.loss(), 1e-5 * first.loss());
      assertEquals(expected.size(), first.gradients().size());
      expected.forEach(
          (tensor, want) -> assertClose(tensor, want, first.gradients().get(tensor + "@0"), 1e-4));
    }
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void threadsAndCheckpointingGiveTheSameBits(String name) throws IOException {
    TrainingBatch batch = batch(answers(name));
    try (PhiModel base = open(name)) {
      for (Blocking blocking : new Blocking[] {Blocking.defaults(), SMALL}) {
        Result first = Result.of(base, everything(base), batch, 1, blocking, false);
        for (int threads : new int[] {1, 2, 3}) {
          for (boolean checkpointing : new boolean[] {true, false}) {
            Result other =
                Result.of(base, everything(base), batch, threads, blocking, checkpointing);
            assertEquals(first.loss(), other.loss());
            first
                .gradients()
                .forEach(
                    (rows, want) -> assertArrayEquals(want, other.gradients().get(rows), rows));
          }
        }
      }
    }
  }

  static Stream<List<String>> selections() {
    return Stream.of(
        List.of("model.embed_tokens.weight[17:]"),
        List.of("lm_head.weight[33:90]"),
        List.of("lm_head.bias[3:5]"),
        List.of("model.embed_tokens.weight[0:40]", "lm_head.weight[50:]", "lm_head.bias"),
        List.of("model.final_layernorm.weight[5:9]", "model.final_layernorm.bias"),
        List.of("model.layers.1.mlp.fc2.bias"),
        List.of("model.layers.1.mlp.fc1.weight[1:3]", "model.layers.1.mlp.fc1.weight[40:70]"),
        List.of("model.layers.0.self_attn.v_proj.weight[32:]"),
        List.of("model.layers.1.input_layernorm.bias[1:]"),
        List.of("model.layers.0.self_attn.dense.weight"),
        List.of("model.layers.1.self_attn.k_proj.bias", "model.layers.0.self_attn.q_proj.bias"));
  }

  /** Rows that train alone have the gradients they have where everything trains. */
  @ParameterizedTest
  @FieldSource("MODELS")
  void aPartHasTheGradientItHasInTheWhole(String name) throws IOException {
    TrainingBatch batch = batch(answers(name));
    Map<String, float[]> expected = expected(name);
    try (PhiModel base = open(name)) {
      Parameters parameters = Parameters.of(base);
      for (List<String> patterns : selections().toList()) {
        List<String> anchored = new ArrayList<>();
        patterns.forEach(pattern -> anchored.add(pattern.replaceFirst("(\\[|$)", "\\$$1")));
        TrainableParameters part = TrainableParameters.matching(parameters, anchored);
        Result result = Result.of(base, part, batch, 2, SMALL, false);
        int count = 0;
        for (String tensor : part.trained().keySet()) {
          int columns = parameters.get(tensor).columns();
          for (RowSet.Range range : part.rows(tensor).ranges()) {
            float[] want =
                Arrays.copyOfRange(
                    expected.get(tensor), range.from() * columns, range.to() * columns);
            float[] found = result.gradients().get(tensor + "@" + range.from());
            assertClose(patterns + " " + range, want, found, 1e-4);
            count++;
          }
        }
        assertEquals(count, result.gradients().size(), "nothing else has a gradient");
      }
    }
  }
}
