package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
  private static final int SIZE = 50;
  private static final BitSet NONE = new BitSet();

  private static GenerationConfig settings(
      float temperature, int topK, float topP, float minP, float penalty, long seed) {
    return GenerationConfig.sampled(1, temperature, seed)
        .withTopK(topK)
        .withTopP(topP)
        .withMinP(minP)
        .withRepetitionPenalty(penalty);
  }

  /** Hugging Face's processors and warpers, plainly and in double: what each id's share is. */
  private static double[] reference(GenerationConfig config, int[] seen, float[] logits) {
    double[] x = new double[logits.length];
    for (int i = 0; i < x.length; i++) {
      int id = i;
      double penalty = config.repetitionPenalty();
      boolean known = Arrays.stream(seen).anyMatch(s -> s == id);
      double logit = logits[i];
      x[i] = (known ? logit > 0 ? logit / penalty : logit * penalty : logit) / config.temperature();
    }
    Integer[] order = IntStream.range(0, x.length).boxed().toArray(Integer[]::new);
    Arrays.sort(order, Comparator.comparingDouble(i -> -x[i])); // stable: ties by id
    for (int i = config.topK() == 0 ? x.length : config.topK(); i < x.length; i++) {
      x[order[i]] = Double.NEGATIVE_INFINITY;
    }
    double[] p = softmax(x);
    double before = 0;
    for (int id : order) {
      if (before >= config.topP()) {
        x[id] = Double.NEGATIVE_INFINITY;
      }
      before += p[id];
    }
    p = softmax(x);
    double most = Arrays.stream(p).max().orElseThrow();
    for (int i = 0; i < x.length; i++) {
      if (p[i] < config.minP() * most) {
        x[i] = Double.NEGATIVE_INFINITY;
      }
    }
    return softmax(x);
  }

  private static double[] softmax(double[] x) {
    double max = Arrays.stream(x).max().orElseThrow();
    double[] e = Arrays.stream(x).map(v -> Math.exp(v - max)).toArray();
    double sum = Arrays.stream(e).sum();
    return Arrays.stream(e).map(v -> v / sum).toArray();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0, 1, 0, 1",
    "0.7, 0, 1, 0, 1",
    "1, 5, 1, 0, 1",
    "1, 1000, 1, 0, 1",
    "1, 0, 0.8, 0, 1",
    "1, 0, 1, 0.1, 1",
    "1, 0, 1, 0, 1.3",
    "1, 0, 1, 0, 0.7",
    "2.5, 20, 0.9, 0.05, 1.2",
    "0.3, 7, 0.5, 0.3, 1.1"
  })
  void everyChoiceIsThatOfAPlainImplementation(
      float temperature, int topK, float topP, float minP, float penalty) {
    SplittableRandom random = new SplittableRandom(99);
    for (int trial = 0; trial < 500; trial++) {
      float[] logits = new float[SIZE];
      for (int i = 0; i < SIZE; i++) {
        logits[i] = (float) random.nextDouble(-4, 4);
      }
      int[] seen = random.ints(6, 0, SIZE).toArray();
      GenerationConfig config = settings(temperature, topK, topP, minP, penalty, trial);
      double[] shares = reference(config, seen, logits);
      int chosen = new Sampler(config, NONE).next(seen, seen.length, logits);
      double at = new SplittableRandom(trial).nextDouble();
      double from = Arrays.stream(shares, 0, chosen).sum();
      assertTrue(shares[chosen] > 0, "trial " + trial + ": id " + chosen + " is cut off");
      assertTrue(
          from - 1e-5 <= at && at <= from + shares[chosen] + 1e-5,
          "trial %d: %f is not in %f + %f".formatted(trial, at, from, shares[chosen]));
    }
  }

  @Test
  void tiesGoToTheLowestIdWhetherGreedyOrCut() {
    float[] logits = {1, 3, 3, 3, 2};
    int[] seen = {0};
    assertEquals(1, new Sampler(GenerationConfig.greedy(1), NONE).next(seen, 1, logits.clone()));
    for (int seed = 0; seed < 50; seed++) {
      int id = new Sampler(settings(1, 2, 1, 0, 1, seed), NONE).next(seen, 1, logits.clone());
      assertTrue(id == 1 || id == 2, "top 2 of three equals are the lowest two, not " + id);
    }
    assertEquals(
        0, new Sampler(GenerationConfig.greedy(1), NONE).next(seen, 1, new float[] {-0f, 0f}));
  }

  @Test
  void aTinyTemperatureIsGreedyAndAHugeOneIsUniform() {
    float[] logits = {1, 2, 1.9f};
    for (int seed = 0; seed < 20; seed++) {
      int id =
          new Sampler(settings(Float.MIN_VALUE, 0, 1, 0, 1, seed), NONE)
              .next(new int[] {0}, 1, logits.clone());
      assertEquals(1, id);
    }
    int[] counts = new int[3];
    Sampler sampler = new Sampler(settings(1e30f, 0, 1, 0, 1, 4), NONE);
    for (int i = 0; i < 3000; i++) {
      counts[sampler.next(new int[] {0}, 1, logits.clone())]++;
    }
    for (int count : counts) {
      assertEquals(1000, count, 150);
    }
  }

  @Test
  void excludedIdsAreNeverChosenWhateverTheHookSays() {
    BitSet excluded = new BitSet();
    excluded.set(3, 6);
    GenerationConfig config =
        settings(1, 0, 1, 0, 1, 8).withHook((tokens, count, logits) -> logits[4] = 1e9f);
    Sampler sampler = new Sampler(config, excluded);
    for (int i = 0; i < 300; i++) {
      int id = sampler.next(new int[] {0}, 1, new float[6]);
      assertTrue(id < 3, "id " + id);
    }
  }

  @Test
  void theHookSeesTheRawLogitsAndMayForbidTokens() {
    float[] seen = new float[3];
    GenerationConfig config =
        GenerationConfig.greedy(1)
            .withRepetitionPenalty(10)
            .withHook(
                (tokens, count, logits) -> {
                  assertEquals(2, count);
                  assertArrayEquals(new int[] {2, 1}, Arrays.copyOf(tokens, count));
                  System.arraycopy(logits, 0, seen, 0, 3);
                  logits[2] = Float.NEGATIVE_INFINITY;
                });
    int id = new Sampler(config, NONE).next(new int[] {2, 1, 0, 0}, 2, new float[] {1, 5, 9});
    assertArrayEquals(new float[] {1, 5, 9}, seen);
    assertEquals(0, id, "2 is forbidden and 1 is penalized to a tenth of 5");
  }

  @Test
  void logitsThatAreNoNumbersAreAnErrorThatSaysWhere() {
    Sampler sampler = new Sampler(GenerationConfig.greedy(1), NONE);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () -> sampler.next(new int[] {0}, 1, new float[] {0, bad}))
              .getMessage();
      assertTrue(message.startsWith("logits: ") && message.contains("token 1"), message);
    }
    float[] none = new float[2];
    Arrays.fill(none, Float.NEGATIVE_INFINITY);
    assertThrows(IllegalStateException.class, () -> sampler.next(new int[] {0}, 1, none));
  }
}
