package dev.eeve.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LanguageModel;
import dev.eeve.model.Session;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * What a block of drafts costs beside a single step, on a model of EEVE's width with random
 * weights: all block sizes in turn, the median of the rounds. Prints one JSON line with the cost of
 * each number of rows, measured and as {@link Session#blockCost} has it.
 */
public final class BlockCostMain {
  private static final int PROMPT = 128;
  private static final int MOST = 16;
  private static final int WARM_UP = 6;

  private BlockCostMain() {}

  /**
   * Runs all rounds.
   *
   * @param args layers; type of the weights; rounds; threads
   */
  public static void main(String[] args) {
    if (args.length != 4) {
      System.err.println("arguments: " + args.length + ", needed LAYERS TYPE ROUNDS THREADS");
      System.exit(2);
    }
    int rounds = Integer.parseInt(args[2]);
    try (LanguageModel model = FewLayers.open(args[0], args[1], Integer.parseInt(args[3]));
        Session session = model.session(PROMPT + MOST)) {
      int[] tokens = new SplittableRandom(2).ints(PROMPT + MOST, 1000, 50_000).toArray();
      session.append(tokens, 0, PROMPT);
      double[][] nanos = new double[MOST + 1][rounds];
      for (int round = -WARM_UP; round < rounds; round++) {
        for (int rows = 1; rows <= MOST; rows++) {
          session.rewind(PROMPT);
          long start = System.nanoTime();
          if (rows == 1) {
            session.append(tokens, PROMPT, PROMPT + 1);
            session.logits();
          } else {
            session.appendForLogits(tokens, PROMPT, PROMPT + rows);
          }
          nanos[rows][Math.max(0, round)] = System.nanoTime() - start;
        }
      }
      ObjectNode json = new ObjectMapper().createObjectNode().put("type", args[1]);
      json.put("step_ms", median(nanos[1]) / 1e6);
      for (int rows = 2; rows <= MOST; rows++) {
        json.putArray(Integer.toString(rows))
            .add(Math.round(100 * median(nanos[rows]) / median(nanos[1])) / 100.0)
            .add(session.blockCost(rows));
      }
      System.out.println(json);
    }
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
