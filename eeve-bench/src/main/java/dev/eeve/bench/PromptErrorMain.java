package dev.eeve.bench;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import java.util.Arrays;
import java.util.Locale;

/**
 * How far logits after a prompt are from the same computation in double, with plain products and
 * with Strassen's: {@code LAYERS TYPE TOKENS THREADS} of EEVE's width and vocabulary.
 */
final class PromptErrorMain {
  /** Positions whose logits are compared: the last, which read all others. */
  private static final int ROWS = 8;

  private PromptErrorMain() {}

  public static void main(String[] args) {
    int layers = Integer.parseInt(args[0]);
    ElementType type = ElementType.valueOf(args[1].toUpperCase(Locale.ROOT));
    int[] ids = new int[Integer.parseInt(args[2])];
    int threads = Integer.parseInt(args[3]);
    try (PhiModel model = PhiModel.random(FewLayers.eeve(layers), type, 1, threads);
        WorkerPool pool = new WorkerPool(threads)) {
      Arrays.setAll(ids, i -> (int) (i * 7919L % model.config().vocabSize()));
      double[][] exact = new PlainPhi(model).next(ids, ROWS);
      double plain = error(model, pool, Blocking.defaults(), ids, exact);
      double strassen = error(model, pool, Blocking.strassen(), ids, exact);
      System.out.printf(
          Locale.ROOT,
          "%d layers, %s, %d tokens: plain %.3g, strassen %.3g, ratio %.2f%n",
          layers,
          type,
          ids.length,
          plain,
          strassen,
          strassen / plain);
    }
  }

  /** The root mean square of differences beside that of the logits. */
  private static double error(
      PhiModel model, WorkerPool pool, Blocking blocking, int[] ids, double[][] exact) {
    double differences = 0;
    double squares = 0;
    try (Session session = new Session(model, pool, blocking, ids.length)) {
      int[] position = {0};
      double[] sums = new double[2];
      session.appendForLogits(
          ids, 0, ids.length, rows -> add(rows, position, exact, ids.length - ROWS, sums));
      differences = sums[0];
      squares = sums[1];
    }
    return Math.sqrt(differences / squares);
  }

  private static void add(
      FloatMatrix rows, int[] position, double[][] exact, int first, double[] sums) {
    for (int r = 0; r < rows.rows(); r++, position[0]++) {
      if (position[0] < first) {
        continue;
      }
      double[] expected = exact[position[0] - first];
      for (int n = 0; n < expected.length; n++) {
        double difference = rows.data()[rows.index(r) + n] - expected[n];
        sums[0] += difference * difference;
        sums[1] += expected[n] * expected[n];
      }
    }
  }
}
