package dev.eeve.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What one epoch sees and in which order: items, each the sequences of one row of a micro-batch. It
 * depends on the data, the settings, the seed and the epoch's number alone, so that a position in
 * it can be resumed.
 *
 * <p>A sequence of weight w whose share of new tokens is s is seen {@code w · (1 + bias · s) /
 * mean} times, where the mean over all sequences keeps the epoch's length. The part after the point
 * becomes once or not at all by systematic sampling: all such chances are laid end to end and cut
 * at whole numbers from a random offset.
 */
final class EpochPlan {
  private static final long ORDER = 1;
  private static final long DRAW = 2;

  /** Offsets there are: few enough that an offset plus a whole number is exact. */
  private static final int STEPS = 1 << 20;

  private final List<int[]> items;
  private final int sequences;

  private EpochPlan(List<int[]> items, int sequences) {
    this.items = items;
    this.sequences = sequences;
  }

  /**
   * How often sequences are wanted; the same in each epoch.
   *
   * @param data the sequences
   * @param newTokens what the bias favours
   * @param bias 0 for none
   */
  static double[] chances(TokenDataset data, RowSet newTokens, double bias) {
    double[] chances = new double[data.size()];
    double weights = 0;
    double favoured = 0;
    for (int i = 0; i < chances.length; i++) {
      double factor = bias == 0 ? 1 : 1 + bias * data.share(i, newTokens);
      chances[i] = data.weight(i) * factor;
      weights += data.weight(i);
      favoured += chances[i];
    }
    if (bias != 0) {
      for (int i = 0; i < chances.length; i++) {
        chances[i] *= weights / favoured;
      }
    }
    return chances;
  }

  static EpochPlan of(TokenDataset data, double[] chances, TrainingConfig config, int epoch) {
    int[] order = draw(chances, new RandomNumbers(config.seed(), DRAW, epoch));
    if (config.shuffle()) {
      new RandomNumbers(config.seed(), ORDER, epoch).shuffle(order);
    }
    if (config.samplePacking()) {
      return new EpochPlan(SequencePacker.pack(data, order, config.sequenceLen()), order.length);
    }
    List<int[]> items = new ArrayList<>(order.length);
    for (int sequence : order) {
      items.add(new int[] {sequence});
    }
    return new EpochPlan(items, order.length);
  }

  /** Each index as often as its chance says; in ascending order. */
  static int[] draw(double[] chances, RandomNumbers random) {
    int[] line = new int[chances.length];
    Arrays.setAll(line, i -> i);
    double end = (random.below(STEPS) + 0.5) / STEPS;
    random.shuffle(line); // or chances that alternate would be cut at the same places
    int[] times = new int[chances.length];
    int count = 0;
    for (int i : line) {
      double start = Math.floor(end);
      end += chances[i];
      times[i] = (int) (Math.floor(end) - start);
      count = Math.addExact(count, times[i]);
    }
    int[] order = new int[count];
    int at = 0;
    for (int i = 0; i < times.length; i++) {
      Arrays.fill(order, at, at + times[i], i);
      at += times[i];
    }
    return order;
  }

  /** Rows of micro-batches. */
  int size() {
    return items.size();
  }

  /** Sequences seen, repetitions included. */
  int sequences() {
    return sequences;
  }

  /** The sequences of a row. */
  int[] item(int index) {
    return items.get(index);
  }
}
