package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.Golden;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.Argmax;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Golden models with keys and values kept in fewer bits. */
@Tag("kernels")
class KeyValueTypesTest {
  private static final List<ElementType> NARROW =
      List.of(ElementType.F16, ElementType.BF16, ElementType.Q8_0);

  static Stream<Arguments> modelsAndTypes() {
    return Golden.MODELS.stream()
        .flatMap(model -> NARROW.stream().map(type -> Arguments.of(model, type)));
  }

  private static JsonNode answers(String model) throws IOException {
    return StrictJson.parse(
        "golden.json", Files.readAllBytes(Golden.folder(model).resolve("golden.json")));
  }

  private static int[] ids(JsonNode array) {
    int[] ids = new int[array.size()];
    Arrays.setAll(ids, i -> array.get(i).intValue());
    return ids;
  }

  private static Session session(PhiModel model, WorkerPool pool, ElementType type) {
    return new Session(model, List.of(), pool, Blocking.defaults(), type, 64);
  }

  /** What README.md states: the change of log-probabilities in nats, and the greedy tokens. */
  @ParameterizedTest
  @MethodSource("modelsAndTypes")
  void logProbabilitiesHardlyChangeAndGreedyTokensStay(String name, ElementType type)
      throws IOException {
    JsonNode golden = answers(name);
    double sum = 0;
    double worst = 0;
    int count = 0;
    try (WorkerPool pool = new WorkerPool(2);
        PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), 2)) {
      for (int row = 0; row < 2; row++) {
        int[] ids = ids(golden.get("input_ids").get(row));
        int[] next = Arrays.copyOfRange(ids, 1, ids.length);
        try (Session exact = session(model, pool, ElementType.F32);
            Session narrow = session(model, pool, type)) {
          double[] expected = exact.appendAndScore(ids, 0, next.length, next);
          double[] found = narrow.appendAndScore(ids, 0, next.length, next);
          for (int i = 0; i < next.length; i++) {
            double change = Math.abs(expected[i] - found[i]);
            sum += change;
            worst = Math.max(worst, change);
            count++;
          }
        }
      }
      assertArrayEquals(
          ids(golden.get("greedy_ids")), greedy(model, pool, type, ids(golden.get("prompt_ids"))));
    }
    assertTrue(sum > 0, "the cache is narrower");
    double mean =
        switch (type) {
          case F16 -> 0.0005;
          case BF16 -> 0.005;
          default -> 0.01;
        };
    assertTrue(sum / count <= mean, "mean " + sum / count);
    assertTrue(worst <= 4 * mean, "worst " + worst);
  }

  private static int[] greedy(PhiModel model, WorkerPool pool, ElementType type, int[] prompt) {
    int[] tokens = new int[24];
    try (Session session = session(model, pool, type)) {
      session.append(prompt, 0, prompt.length);
      for (int i = 0; i < tokens.length; i++) {
        float[] logits = session.logits();
        tokens[i] = Argmax.of(logits, 0, logits.length);
        session.append(tokens, i, i + 1);
      }
    }
    return tokens;
  }

  @ParameterizedTest
  @MethodSource("modelsAndTypes")
  void stepsBlocksRewindsAndThreadsGiveTheSameBits(String name, ElementType type)
      throws IOException {
    int[] ids = ids(answers(name).get("input_ids").get(0));
    try (WorkerPool one = new WorkerPool(1);
        WorkerPool three = new WorkerPool(3);
        PhiModel model = PhiModel.open(Golden.folder(name), Optional.empty(), 2);
        Session steps = session(model, one, type);
        Session few = session(model, three, type)) {
      for (int t = 0; t < ids.length; t++) {
        steps.append(ids, t, t + 1);
        float[] expected = steps.logits().clone();
        try (Session block = session(model, three, type)) {
          block.append(ids, 0, t + 1);
          assertArrayEquals(expected, block.logits(), "after " + t);
        }
        few.rewind(t / 16 * 16);
        int from = few.position();
        few.append(ids, 0, 0);
        float[] last = few.appendForLogits(ids, from, t + 1).data();
        int v = model.config().vocabSize();
        int row = t - from;
        assertArrayEquals(expected, Arrays.copyOfRange(last, row * v, (row + 1) * v));
      }
      float[] whole = steps.logits().clone();
      steps.rewind(5);
      steps.append(ids, 5, ids.length);
      assertArrayEquals(whole, steps.logits());
    }
  }

  @ParameterizedTest
  @MethodSource("modelsAndTypes")
  void thePlanHasTheBytesTheCacheTakes(String name, ElementType type) throws IOException {
    PhiConfig config = PhiConfig.read(Golden.folder(name).resolve("config.json"));
    try (KeyValueCache cache = new KeyValueCache(config, type, 100)) {
      long held = 0;
      for (int i = 0; i < config.numHiddenLayers(); i++) {
        held += cache.layer(i).byteSize();
      }
      KeptTypes types = KeptTypes.of(config, ElementType.F16);
      long planned =
          MemoryPlan.forGeneration(config, types, type, 100, Blocking.defaults(), 1)
              .items()
              .stream()
              .filter(item -> item.name().equals("key_value_cache"))
              .mapToLong(MemoryPlan.Item::bytes)
              .sum();
      assertEquals(held, planned);
    }
  }
}
