package dev.eeve.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.eeve.LanguageModel;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Several callers generating from one model at once beside one caller after the other, in turn, on
 * a model of EEVE's width with random weights. Prints the rates, all callers' tokens a second, as
 * one JSON line a round; the tokens are compared.
 */
public final class CallersMain {
  private static final int PROMPT = 32;
  private static final int ROUNDS = 4;

  private CallersMain() {}

  /**
   * Runs all rounds.
   *
   * @param args layers; type of the weights; new tokens; callers; threads
   * @throws InterruptedException if interrupted
   * @throws ExecutionException if a caller fails
   */
  public static void main(String[] args) throws InterruptedException, ExecutionException {
    if (args.length != 5) {
      System.err.println(
          "arguments: " + args.length + ", needed LAYERS TYPE TOKENS CALLERS THREADS");
      System.exit(2);
    }
    GenerationConfig greedy =
        GenerationConfig.greedy(Integer.parseInt(args[2])).withIgnoreEos(true);
    int callers = Integer.parseInt(args[3]);
    int threads = Integer.parseInt(args[4]);
    try (LanguageModel model = FewLayers.open(args[0], args[1], threads);
        ExecutorService pool = Executors.newFixedThreadPool(callers)) {
      for (int round = 0; round < ROUNDS; round++) {
        round(model, greedy, callers, pool);
      }
    }
  }

  private static void round(
      LanguageModel model, GenerationConfig config, int callers, ExecutorService pool)
      throws InterruptedException, ExecutionException {
    List<Generation> alone = new ArrayList<>();
    long start = System.nanoTime();
    for (int i = 0; i < callers; i++) {
      alone.add(model.generate(prompt(i), config));
    }
    double one = rate(config, callers, start);
    start = System.nanoTime();
    List<Future<Generation>> together = new ArrayList<>();
    for (int i = 0; i < callers; i++) {
      int[] prompt = prompt(i);
      together.add(pool.submit(() -> model.generate(prompt, config)));
    }
    for (int i = 0; i < callers; i++) {
      if (!together.get(i).get().tokens().equals(alone.get(i).tokens())) {
        throw new IllegalStateException("caller " + i + ": the tokens differ");
      }
    }
    double all = rate(config, callers, start);
    System.out.println(
        new ObjectMapper()
            .createObjectNode()
            .put("one_caller_tokens_per_s", one)
            .put("callers_tokens_per_s", all)
            .put("ratio", all / one));
  }

  private static double rate(GenerationConfig config, int callers, long start) {
    return config.maxNewTokens() * (double) callers / (System.nanoTime() - start) * 1e9;
  }

  private static int[] prompt(int caller) {
    return new SplittableRandom(caller).ints(PROMPT, 1000, 50_000).toArray();
  }
}
