package dev.eeve.training;

import dev.eeve.kernels.AdamW;
import dev.eeve.kernels.GradientNorm;
import dev.eeve.kernels.Workers;
import dev.eeve.training.OptimizerMemory.GradNormFrom;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * AdamW over all rows that train: clips by the norm of all gradients together and updates, either
 * after the passes of an update or, row by row, as one pass completes their gradients.
 */
final class Optimizer implements AutoCloseable {
  private static final long ROUNDING = 6;

  private final OptimizerConfig config;
  private final long seed;
  private final List<Moments> moments = new ArrayList<>();
  private final Map<TrainedRows, Integer> places = new HashMap<>();
  private final List<Double> decays = new ArrayList<>();
  private final Arena arena = Arena.ofShared();

  /** The passes of one update over all its batches. */
  interface Passes {
    /**
     * Computes gradients anew.
     *
     * @param flow of the first pass; the others add
     * @return the mean loss; gradients are whole only where it is finite
     */
    double run(GradientFlow flow);
  }

  /** What an update found: its mean loss and the norm of its gradient. */
  record Result(double loss, double norm) {}

  Optimizer(TrainingModel model, OptimizerConfig config, long seed) {
    this.config = config;
    this.seed = seed;
    List<UnfrozenPattern> still = config.noDecay().stream().map(UnfrozenPattern::parse).toList();
    for (TrainedRows rows : model.trained()) {
      places.put(rows, moments.size());
      moments.add(Moments.of(arena, rows, config.memory().eightBitMoments()));
      boolean decays = still.stream().noneMatch(pattern -> pattern.matches(rows.name()));
      this.decays.add(decays ? config.weightDecay() : 0);
    }
  }

  /** In module order. */
  List<Moments> moments() {
    return moments;
  }

  /**
   * One update.
   *
   * @param number from 1
   * @param rate the learning rate
   * @param normBefore of the update before
   * @param failure an exception that says that something is not finite
   * @throws ArithmeticException where loss or gradient are not finite. Nothing was updated, but
   *     where updates are made within the backward pass and the loss was finite.
   */
  Result step(
      Workers workers,
      int number,
      double rate,
      double normBefore,
      Passes passes,
      Function<String, ArithmeticException> failure) {
    if (!config.memory().optimizerInBwd()) {
      double loss = requireFinite(passes.run(GradientFlow.STARTS), failure);
      Turns all = new Turns(workers, failure);
      for (int i = 0; i < moments.size(); i++) {
        all.add(i);
      }
      double norm = all.norm();
      AdamW.Step[] steps = steps(number, rate, norm);
      for (int i = 0; i < steps.length; i++) {
        update(workers, i, steps[i], failure);
      }
      return new Result(loss, norm);
    }
    double clipped = normBefore;
    boolean measures = number == 1 || config.memory().gradNormFrom() == GradNormFrom.SECOND_PASS;
    if (config.maxGradNorm() > 0 && measures) {
      Turns before = new Turns(workers, failure);
      requireFinite(passes.run(before), failure);
      clipped = before.norm();
    }
    Turns turns = new Turns(workers, failure);
    turns.steps = steps(number, rate, clipped);
    double loss = requireFinite(passes.run(turns), failure);
    return new Result(loss, turns.norm());
  }

  private static double requireFinite(double loss, Function<String, ArithmeticException> failure) {
    if (!Double.isFinite(loss)) {
      throw failure.apply("loss " + loss);
    }
    return loss;
  }

  private AdamW.Step[] steps(int number, double rate, double norm) {
    double scale = GradientNorm.clippingScale(norm, config.maxGradNorm());
    AdamW.Step[] steps = new AdamW.Step[moments.size()];
    for (int i = 0; i < steps.length; i++) {
      steps[i] =
          new AdamW.Step(
              number,
              rate,
              config.adamBeta1(),
              config.adamBeta2(),
              config.adamEpsilon(),
              decays.get(i),
              scale);
    }
    return steps;
  }

  private void update(
      Workers workers, int i, AdamW.Step step, Function<String, ArithmeticException> failure) {
    int chance = (int) RandomNumbers.mix(seed, ROUNDING, step.number(), i);
    if (!moments.get(i).update(workers, step, chance)) {
      throw failure.apply("a BF16 value of " + moments.get(i).label());
    }
  }

  /** Sums squares as gradients become whole, and updates at once where steps are given. */
  private final class Turns implements GradientFlow {
    private final Workers workers;
    private final Function<String, ArithmeticException> failure;
    private AdamW.Step[] steps;
    private final double[] squares = new double[moments.size()];
    private int whole;

    Turns(Workers workers, Function<String, ArithmeticException> failure) {
      this.workers = workers;
      this.failure = failure;
    }

    void add(int place) {
      double sum = moments.get(place).sumOfSquares(workers);
      if (!Double.isFinite(sum)) {
        throw failure.apply("gradient of " + moments.get(place).label());
      }
      squares[place] = sum;
      whole++;
    }

    /** In module order, whatever the order they became whole in. */
    double norm() {
      if (whole != squares.length) {
        throw new IllegalStateException(whole + " gradients were whole, of " + squares.length);
      }
      double sum = 0;
      for (double one : squares) {
        sum += one;
      }
      return Math.sqrt(sum);
    }

    @Override
    public boolean overwrites() {
      return true;
    }

    @Override
    public void complete(List<TrainedRows> all) {
      for (TrainedRows rows : all) {
        int place = places.get(rows);
        add(place);
        if (steps != null) {
          update(workers, place, steps[place], failure);
        }
      }
    }
  }

  /** Frees the moments. */
  @Override
  public void close() {
    arena.close();
  }
}
