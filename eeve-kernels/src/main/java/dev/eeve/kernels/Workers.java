package dev.eeve.kernels;

/**
 * One caller's handle on a {@link WorkerPool}: what every kernel takes first. It holds the buffers
 * that kernels reuse from call to call, so it belongs to one thread at a time.
 */
public final class Workers implements AutoCloseable {
  /**
   * Blocks that share a packed tile of rows at most, so that they stay in the second cache. A tile
   * of 4 rows reads them three times as often as one of 12, and where vectors have 256 bits the
   * cache tends to be half as large: a Zen 3 lost 4 to 8 % with 4 blocks, 2 to 3 with 2.
   */
  private static final int TILE_GROUP = Simd.bits() == 512 ? 4 : 1;

  /** Blocks of a single row's turn at most. */
  private static final int STREAM_GROUP = 4;

  /** Units a thread gets at least before blocks are grouped, so that all end together. */
  private static final int UNITS_PER_THREAD = 8;

  final Scratch scratch = new Scratch();
  final LinearForwardJob linearForwardJob = new LinearForwardJob();
  final PackRowsJob packRowsJob = new PackRowsJob();
  final PackFewRowsJob packFewRowsJob = new PackFewRowsJob();
  final QuantizeRowsJob quantizeRowsJob = new QuantizeRowsJob();
  final StrassenJob strassenJob = new StrassenJob();
  final LinearInputJob linearInputJob = new LinearInputJob();
  final PackColumnsJob packColumnsJob = new PackColumnsJob();
  final LinearWeightJob linearWeightJob = new LinearWeightJob();
  final ColumnSumJob columnSumJob = new ColumnSumJob();
  final Elementwise elementwiseJob = new Elementwise();
  final LayerNorm.ForwardJob layerNormJob = new LayerNorm.ForwardJob();
  final LayerNormBackward.InputJob layerNormBackwardJob = new LayerNormBackward.InputJob();
  final LayerNormBackward.WeightJob layerNormWeightJob = new LayerNormBackward.WeightJob();
  final Embedding.ForwardJob embeddingForwardJob = new Embedding.ForwardJob();
  final RotaryEmbedding.RotateJob rotaryJob = new RotaryEmbedding.RotateJob();
  final Embedding.BackwardJob embeddingBackwardJob = new Embedding.BackwardJob();
  final Dropout.DropoutJob dropoutJob = new Dropout.DropoutJob();
  final CrossEntropyJob crossEntropyJob = new CrossEntropyJob();
  final CausalAttention.ForwardJob attentionJob = new CausalAttention.ForwardJob();
  final KeyValueJob keyValueJob = new KeyValueJob();
  final AttentionBackwardJob attentionBackwardJob = new AttentionBackwardJob();
  final AdamW.StepJob adamWJob = new AdamW.StepJob();
  final BlockStepJob blockStepJob = new BlockStepJob();
  final GradientNorm.SumJob gradientNormJob = new GradientNorm.SumJob();

  /** The job whose units other threads may claim. */
  volatile Job posted;

  private final WorkerPool pool;
  private final Blocking blocking;

  Workers(WorkerPool pool, Blocking blocking) {
    this.pool = pool;
    this.blocking = blocking;
  }

  /**
   * Block sizes of this caller's kernels.
   *
   * @return the sizes
   */
  public Blocking blocking() {
    return blocking;
  }

  /**
   * Threads that share one call.
   *
   * @return the number, the caller included
   */
  public int threads() {
    return pool.threads();
  }

  /** How many of a product's {@code blocks} make one unit of tiles; no result depends on it. */
  int tileGroup(int blocks) {
    return group(blocks, TILE_GROUP);
  }

  /** The same for a single row. */
  int streamGroup(int blocks) {
    return group(blocks, STREAM_GROUP);
  }

  private int group(int blocks, int limit) {
    int most = Math.clamp(blocks / (UNITS_PER_THREAD * threads()), 1, limit);
    return Integer.highestOneBit(most); // panels that share lines stay together
  }

  /** Blocks of a job that are best cut off alone at its end. */
  int single() {
    return threads() == 1 ? 0 : TILE_GROUP * threads();
  }

  /** Runs all units of a job, here and on the pool's threads, and returns when all are done. */
  void run(Job job, int units) {
    if (units == 0) {
      return;
    }
    job.open(units, threads());
    if (units > 1 && pool.threads() > 1) {
      posted = job;
      pool.wake(units);
    }
    job.help(scratch);
    job.await();
  }

  /** Leaves the pool. */
  @Override
  public void close() {
    posted = null;
    pool.remove(this);
    scratch.close();
  }
}
