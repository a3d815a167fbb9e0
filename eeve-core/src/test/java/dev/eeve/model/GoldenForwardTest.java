package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.Golden;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.Argmax;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.WorkerPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("kernels")
class GoldenForwardTest {
  private static final Blocking SMALL = new Blocking(8, 16, 32, 64);
  private static final Blocking STRASSEN = new Blocking(256, 64, 1280, 4096, 1);

  static Stream<Arguments> modelsThreadsAndBlocks() {
    return Golden.MODELS.stream()
        .flatMap(
            model ->
                Stream.of(1, 2, 3, 8)
                    .flatMap(
                        threads ->
                            Stream.of(Blocking.defaults(), SMALL, STRASSEN)
                                .map(blocks -> Arguments.of(model, threads, blocks))));
  }

  private static JsonNode answers(String model) throws IOException {
    Path file = Golden.folder(model).resolve("golden.json");
    return StrictJson.parse("golden.json", Files.readAllBytes(file));
  }

  private static int[] ids(JsonNode array) {
    int[] ids = new int[array.size()];
    Arrays.setAll(ids, i -> array.get(i).intValue());
    return ids;
  }

  private static float[] expectedLogits(String model) throws IOException {
    try (Safetensors file = Safetensors.open(Golden.folder(model).resolve("golden.safetensors"))) {
      TensorInfo logits = file.tensors().get("logits");
      ByteBuffer bytes =
          ByteBuffer.allocateDirect((int) logits.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
      file.read(logits, 0, bytes);
      float[] values = new float[bytes.flip().remaining() / 4];
      bytes.asFloatBuffer().get(values);
      return values;
    }
  }

  @ParameterizedTest
  @MethodSource("modelsThreadsAndBlocks")
  void logitsLogProbabilitiesAndGreedyTokensAreTheReferences(
      String name, int threads, Blocking blocks) throws IOException {
    JsonNode golden = answers(name);
    float[] expected = expectedLogits(name);
    try (WorkerPool pool = new WorkerPool(threads);
        PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), threads)) {
      int vocabulary = model.config().vocabSize();
      float largest = 0;
      for (float value : expected) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int row = 0; row < 2; row++) {
        int[] ids = ids(golden.get("input_ids").get(row));
        try (Session session = new Session(model, pool, blocks, 32)) {
          for (int t = 0; t < ids.length; t++) {
            session.append(ids, t, t + 1);
            float[] logits = session.logits();
            for (int v = 0; v < vocabulary; v++) {
              float want = expected[(row * ids.length + t) * vocabulary + v];
              assertEquals(want, logits[v], 2e-4f * largest, row + ", " + t + ", " + v);
            }
          }
        }
        try (Session session = new Session(model, pool, blocks, 32)) {
          assertLogits(session, ids, expected, row * ids.length * vocabulary, 2e-4f * largest);
        }
        try (Session session = new Session(model, pool, blocks, 32)) {
          int[] next = Arrays.copyOfRange(ids, 1, ids.length);
          double[] scores = session.appendAndScore(ids, 0, ids.length - 1, next);
          JsonNode want = golden.get("token_logprobs").get(row);
          for (int i = 0; i < scores.length; i++) {
            assertEquals(want.get(i).doubleValue(), scores[i], 1e-3, "log-probability " + i);
          }
        }
      }
      assertArrayEquals(
          ids(golden.get("greedy_ids")),
          greedy(model, pool, blocks, ids(golden.get("prompt_ids"))));
    }
  }

  /** The logits of a text that is read in blocks. */
  private static void assertLogits(
      Session session, int[] ids, float[] expected, int from, float tolerance) {
    int[] at = {from};
    session.appendForLogits(
        ids,
        0,
        ids.length,
        rows -> {
          for (int i = 0; i < rows.rows() * rows.columns(); i++) {
            assertEquals(expected[at[0]++], rows.data()[rows.index(0) + i], tolerance);
          }
        });
  }

  private static int[] greedy(PhiModel model, WorkerPool pool, Blocking blocks, int[] prompt) {
    int[] tokens = new int[24];
    try (Session session = new Session(model, pool, blocks, prompt.length + tokens.length)) {
      session.append(prompt, 0, prompt.length);
      for (int i = 0; i < tokens.length; i++) {
        float[] logits = session.logits();
        tokens[i] = Argmax.of(logits, 0, logits.length);
        session.append(tokens, i, i + 1);
      }
    }
    return tokens;
  }

  static List<String> models() {
    return Golden.MODELS;
  }

  @ParameterizedTest
  @MethodSource("models")
  void aPromptBlockGivesTheBitsOfSingleSteps(String name) throws IOException {
    int[] ids = ids(answers(name).get("input_ids").get(0));
    try (WorkerPool one = new WorkerPool(1);
        WorkerPool three = new WorkerPool(3);
        PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), 2);
        Session steps = new Session(model, one, Blocking.defaults(), 32)) {
      for (int t = 0; t < ids.length; t++) {
        steps.append(ids, t, t + 1);
        float[] expected = steps.logits().clone();
        try (Session block = new Session(model, three, new Blocking(7, 64, 32, 64), 32)) {
          block.append(ids, 0, t + 1);
          assertArrayEquals(expected, block.logits(), "after " + t);
        }
      }
      steps.rewind(5);
      steps.append(ids, 5, ids.length);
      float[] again = steps.logits().clone();
      steps.rewind(0);
      steps.append(ids, 0, ids.length);
      assertArrayEquals(again, steps.logits());
      assertTrue(steps.position() == ids.length);
    }
  }
}
