package dev.eeve.training;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import dev.eeve.model.PhiConfig;

/**
 * Loss and gradients of batches: PhiForward with what a backward pass needs, the head with its
 * loss, and PhiBackward. Belongs to one thread at a time. The same batch gives the same bits at any
 * number of threads, with gradient checkpointing and without.
 */
public final class TrainingPass implements AutoCloseable {
  private final TrainingModel model;
  private final Workers workers;
  private final boolean checkpointing;
  private final HeadLoss head;
  private TrainingActivations activations;
  private boolean closed;

  /**
   * Prepares passes; memory for activations is taken by the first.
   *
   * @param model what trains; close it after this
   * @param pool threads to run on
   * @param blocking block sizes
   * @param gradientCheckpointing keep only the residual stream before each layer and compute the
   *     layer again for its backward pass
   * @param lossRows the softmax goes over this many rows of the head, from the first on; the
   *     vocabulary size for all
   */
  public TrainingPass(
      TrainingModel model,
      WorkerPool pool,
      Blocking blocking,
      boolean gradientCheckpointing,
      int lossRows) {
    PhiConfig config = model.base().config();
    if (lossRows < 1 || lossRows > config.vocabSize()) {
      throw new IllegalArgumentException(
          "lossRows: " + lossRows + ", needed 1 to " + config.vocabSize());
    }
    this.model = model;
    this.checkpointing = gradientCheckpointing;
    this.head = new HeadLoss(model.lmHead(), config.hiddenSize(), lossRows);
    this.workers = pool.workers(blocking);
  }

  /**
   * {@code Σ −log p} over a batch's targets.
   *
   * @param batch the batch
   * @return the sum, without dropout; no gradient changes
   */
  public double loss(TrainingBatch batch) {
    TrainingActivations s = activations(batch);
    s.updates.beginWithoutDropout();
    TrainingForward.forward(workers, model, s, batch, ResidualDropout.OFF);
    return head.forward(workers, s.x, batch.targets());
  }

  /**
   * {@code Σ −log p} over a batch's targets; the gradients of {@code lossScale} times that are
   * added to those of the model's trained rows.
   *
   * @param batch the batch
   * @param lossScale 1 ÷ the targets of the whole optimizer step
   * @param dropout the share of elements dropped on the two branches of each layer, 0 to less than
   *     1
   * @param dropoutSeed of this batch
   * @return the sum, not scaled; where it is not finite, gradients are incomplete
   */
  public double forwardBackward(
      TrainingBatch batch, float lossScale, double dropout, long dropoutSeed) {
    return forwardBackward(batch, lossScale, dropout, dropoutSeed, GradientFlow.ADDS);
  }

  double forwardBackward(
      TrainingBatch batch, float lossScale, double dropout, long dropoutSeed, GradientFlow flow) {
    ResidualDropout drop = new ResidualDropout(dropout, dropoutSeed);
    TrainingActivations s = activations(batch);
    s.updates.begin(dropoutSeed);
    TrainingForward.forward(workers, model, s, batch, drop);
    boolean body = model.lowestLayer() < model.layers().size() || model.finalLayernorm().trains();
    double loss = head.forwardBackward(workers, s.dx, body, s.x, batch.targets(), lossScale, flow);
    if (!Double.isFinite(loss)) {
      return loss;
    }
    flow.complete(model.lmHead().trained());
    if (body) {
      PhiBackward.backward(workers, model, s, batch, drop, checkpointing, flow);
    }
    return loss;
  }

  private TrainingActivations activations(TrainingBatch batch) {
    if (closed) {
      throw new IllegalStateException("the training pass is closed");
    }
    PhiConfig config = model.base().config();
    int longest = 0;
    for (int d = 0; d < batch.documents().length; d++) {
      int end = d + 1 < batch.documents().length ? batch.documents()[d + 1] : batch.rows();
      longest = Math.max(longest, end - batch.documents()[d]);
    }
    if (longest > config.maxPositionEmbeddings()) {
      throw new IllegalArgumentException(
          "documents: one of %d rows, the model has %d positions; cut it"
              .formatted(longest, config.maxPositionEmbeddings()));
    }
    if (activations == null || !activations.fits(batch.rows(), longest)) {
      reserve(batch.rows(), longest);
    }
    return activations.first(batch.rows());
  }

  /** Takes memory for batches of up to so many rows, in documents of at most {@code longest}. */
  void reserve(int rows, int longest) {
    free();
    activations =
        new TrainingActivations(
            model.base().config(),
            model.trainable().adapter(),
            rows,
            longest,
            model.lowestLayer(),
            checkpointing);
  }

  private void free() {
    if (activations != null) {
      activations.close();
      activations = null;
    }
  }

  /** Frees the activations. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      free();
      workers.close();
    }
  }
}
