package dev.eeve.training;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Trains a selection of a model's rows, update by update. The trained rows are fp32 masters that
 * the forward pass reads, and are rounded once, when they are saved. The model itself is never
 * changed, unless the selection trains {@linkplain TrainableParameters#inPlace in place}, or there
 * are no masters by {@link OptimizerMemory#bf16StochasticRound}: then nobody else may use it. The
 * same data, settings and seed give the same bits at any number of threads. Belongs to one thread.
 *
 * {@snippet :
 * try (Trainer trainer = Trainer.of(model, own, data, config)) {
 *   trainer.run();
 *   trainer.save(output);
 * }
 * }
 */
public final class Trainer implements AutoCloseable {
  private static final long DROPOUT = 3;

  private final TrainingModel model;
  private final TokenDataset data;
  private final TrainingConfig config;
  private final Optional<LossLabels> labels;
  private final int maxSteps;
  private final EpochRows epochs;
  private final LearningRateSchedule schedule;
  private final Optimizer optimizer;
  private final WorkerPool pool;
  private final Workers workers;
  private final TrainingPass pass;
  private TrainingState state = TrainingState.START;

  /** Whether an update failed when some rows had theirs. */
  private boolean torn;

  private Trainer(
      TrainingModel model,
      TokenDataset data,
      TrainingConfig config,
      RowSet newTokens,
      Optional<LossLabels> labels,
      TrainingMemory.Batch batch,
      int threads) {
    this.model = model;
    this.data = data;
    this.config = config;
    this.labels = labels;
    this.epochs = new EpochRows(data, config, newTokens);
    this.maxSteps = config.maxSteps() > 0 ? config.maxSteps() : epochs.steps();
    this.schedule = config.optimizer().schedule(maxSteps);
    this.optimizer = new Optimizer(model, config.optimizer(), config.seed());
    this.pool = new WorkerPool(threads);
    this.workers = pool.workers();
    int lossRows = labels.map(LossLabels::rows).orElse(model.base().config().vocabSize());
    this.pass =
        new TrainingPass(
            model, pool, Blocking.defaults(), config.gradientCheckpointing(), lossRows);
    pass.reserve(batch.rows(), batch.longest());
  }

  /**
   * Prepares training on all processors.
   *
   * @param model frozen rows are read from it; close it after this
   * @param trainable the rows that train
   * @param data what they train on
   * @param config how
   * @return the trainer, before its first update
   */
  public static Trainer of(
      PhiModel model, TrainableParameters trainable, TokenDataset data, TrainingConfig config) {
    return of(
        model, trainable, data, config, RowSet.none(), Runtime.getRuntime().availableProcessors());
  }

  /**
   * Prepares training.
   *
   * @param model frozen rows are read from it; close it after this
   * @param trainable the rows that train
   * @param data what they train on
   * @param config how
   * @param newTokens what {@code new_token_bias} favours
   * @param threads threads that share one computation, at least 1
   * @return the trainer, before its first update
   * @throws IllegalArgumentException where the memory it needs is more than there is
   */
  public static Trainer of(
      PhiModel model,
      TrainableParameters trainable,
      TokenDataset data,
      TrainingConfig config,
      RowSet newTokens,
      int threads) {
    TrainingMemory.Batch batch = TrainingMemory.Batch.of(data, config);
    return of(model, trainable, data, config, newTokens, Optional.empty(), batch, threads);
  }

  static Trainer of(
      PhiModel model,
      TrainableParameters trainable,
      TokenDataset data,
      TrainingConfig config,
      RowSet newTokens,
      Optional<LossLabels> labels,
      TrainingMemory.Batch batch,
      int threads) {
    ResidualDropout.requireNoOther(model.config());
    if (trainable.isEmpty()) {
      throw new IllegalArgumentException(
          "trainable: nothing, needed at least one row; unfreeze some parameters");
    }
    int context = model.config().maxPositionEmbeddings();
    for (int i = 0; i < data.size(); i++) {
      if (data.length(i) > Math.min(context, config.sequenceLen())) {
        throw new IllegalArgumentException(
            "data: sequence %d has %d tokens, needed at most %d; cut it"
                .formatted(i, data.length(i), Math.min(context, config.sequenceLen())));
      }
    }
    int lossRows = labels.map(LossLabels::rows).orElse(model.config().vocabSize());
    TrainingMemory.require(
        TrainingMemory.plan(
            model.config(), trainable, config, batch, data.byteSize(), lossRows, threads),
        config);
    TrainingModel training =
        TrainingModel.of(model, trainable, config.optimizer().memory(), config.seed());
    try {
      return new Trainer(training, data, config, newTokens, labels, batch, threads);
    } catch (RuntimeException | Error e) {
      training.close();
      throw e;
    }
  }

  /**
   * Updates of the whole stage, unless it converges before.
   *
   * @return at least 1
   */
  public int maxSteps() {
    return maxSteps;
  }

  /**
   * Updates done.
   *
   * @return 0 before the first
   */
  public int steps() {
    return state.step();
  }

  /**
   * Whether all updates are done or the loss has converged.
   *
   * @return true where {@link #step} would be one too many
   */
  public boolean isFinished() {
    return state.step() >= maxSteps || config.earlyStop().reached(state.losses());
  }

  /**
   * What trains, with the values it has now.
   *
   * @return read it between updates only
   */
  public TrainingModel model() {
    return model;
  }

  /** Runs all updates that are left. */
  public void run() {
    while (!isFinished()) {
      step();
    }
  }

  /**
   * One update.
   *
   * @return what it did
   * @throws ArithmeticException where loss or gradient are not finite; names the update, its
   *     sequences and the parameter. Nothing was updated; but with {@link
   *     OptimizerMemory#optimizerInBwd} layers above may have been, and only a checkpoint helps.
   */
  public TrainingStep step() {
    if (isFinished()) {
      throw new IllegalStateException("step: all " + state.step() + " updates are done");
    }
    if (torn) {
      throw new IllegalStateException("step: an update failed half way; go on from a checkpoint");
    }
    long start = System.nanoTime();
    int number = state.step() + 1;
    epochs.seek(state.epoch(), state.item());
    List<TrainingBatch> batches = new ArrayList<>();
    List<Integer> sequences = new ArrayList<>();
    for (int i = 0; i < config.gradientAccumulationSteps(); i++) {
      int[] rows = epochs.take(config.microBatchSize());
      if (rows.length > 0) {
        TrainingBatch batch = SequencePacker.batch(data, rows);
        batches.add(labels.isPresent() ? labels.get().applied(batch) : batch);
        Arrays.stream(rows).forEach(sequences::add);
      }
    }
    int targets = batches.stream().mapToInt(TrainingBatch::targetCount).sum();
    if (targets == 0) {
      throw new ArithmeticException(
          "step %d: no token to predict in sequences %s; check their labels"
              .formatted(number, named(sequences)));
    }
    double rate = schedule.at(number);
    torn = config.optimizer().memory().optimizerInBwd();
    Optimizer.Result result =
        optimizer.step(
            workers,
            number,
            rate,
            state.gradNorm(),
            flow -> gradients(number, batches, targets, flow),
            what -> notFinite(number, what, sequences));
    torn = false;
    long tokens = batches.stream().mapToLong(TrainingBatch::rows).sum();
    state =
        new TrainingState(
            number,
            epochs.epoch(),
            epochs.item(),
            state.tokens() + tokens,
            result.norm(),
            recent(result.loss()));
    double seconds = Math.max(1, System.nanoTime() - start) / 1e9;
    return new TrainingStep(
        number, result.loss(), rate, result.norm(), state.tokens(), tokens / seconds);
  }

  /** The mean loss; gradients of all batches together. */
  private double gradients(
      int number, List<TrainingBatch> batches, int targets, GradientFlow first) {
    model.zeroAddedGradients();
    double dropout = config.residDropout().orElse(model.base().config().residPdrop());
    double sum = 0;
    for (int i = 0; i < batches.size(); i++) {
      long seed = RandomNumbers.mix(config.seed(), DROPOUT, number, i);
      GradientFlow flow = i == 0 ? first : GradientFlow.ADDS;
      sum += pass.forwardBackward(batches.get(i), 1f / targets, dropout, seed, flow);
    }
    return sum / targets;
  }

  private double[] recent(double loss) {
    double[] before = state.losses();
    int kept = Math.min(before.length, Math.max(0, 2 * config.earlyStop().window() - 1));
    double[] losses = Arrays.copyOfRange(before, before.length - kept, before.length + 1);
    losses[kept] = loss;
    return losses;
  }

  private static ArithmeticException notFinite(int step, String what, List<Integer> sequences) {
    return new ArithmeticException(
        "step %d: %s is not finite, over sequences %s; lower learning_rate or leave them out"
            .formatted(step, what, named(sequences)));
  }

  private static String named(List<Integer> sequences) {
    String all = sequences.stream().limit(16).toList().toString();
    return sequences.size() > 16 ? all + " and " + (sequences.size() - 16) + " more" : all;
  }

  /**
   * The mean loss over a dataset, without dropout.
   *
   * @param validation not trained on
   * @return nats a target token
   */
  public double evaluate(TokenDataset validation) {
    double sum = 0;
    long targets = 0;
    for (int from = 0; from < validation.size(); ) {
      int to = from + 1;
      long rows = validation.length(from);
      while (to < validation.size() && rows + validation.length(to) <= config.sequenceLen()) {
        rows += validation.length(to++);
      }
      int first = from;
      int[] sequences = new int[to - from];
      Arrays.setAll(sequences, i -> first + i);
      TrainingBatch batch = SequencePacker.batch(validation, sequences);
      sum += pass.loss(labels.isPresent() ? labels.get().applied(batch) : batch);
      targets += batch.targetCount();
      from = to;
    }
    return sum / targets;
  }

  /**
   * Writes a model folder in the model's own type: config.json and the weights, trained rows
   * rounded to nearest.
   *
   * @param folder made if it is not there
   * @throws IOException names the file, or a value too large for the type
   */
  public void save(Path folder) throws IOException {
    if (model.trainable().adapter().isPresent()) {
      throw new IllegalStateException("an adapter trains, the model does not; use saveAdapter");
    }
    ElementType type = model.trainable().outside().main(model.base().config());
    TrainedModelFolder.write(folder, model, TrainedModelFolder.Options.of(model.base(), type));
  }

  /**
   * Writes the adapter that trains as PEFT's folder, everything as F32.
   *
   * @param folder made if it is not there
   * @param baseModel what its settings shall say of the base: a folder or a name
   * @throws IOException names the file
   * @throws IllegalStateException where no adapter trains
   */
  public void saveAdapter(Path folder, String baseModel) throws IOException {
    model.adapter().write(folder, baseModel);
  }

  /** Values and moments of what trains, in module order. */
  List<Moments> moments() {
    return optimizer.moments();
  }

  TrainingState state() {
    return state;
  }

  /** Goes on where a checkpoint stood, whose values and moments are in place. */
  void resume(TrainingState from) {
    state = from;
  }

  /** Frees gradients, masters and moments. */
  @Override
  public void close() {
    pass.close();
    workers.close();
    pool.close();
    model.close();
    optimizer.close();
  }
}
