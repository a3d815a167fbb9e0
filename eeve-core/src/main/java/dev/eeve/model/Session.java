package dev.eeve.model;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.CrossEntropy;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * One context of a model: its tokens' keys and values, which can be kept, rewound and continued.
 * Belongs to one thread at a time; any number of sessions may run on one {@link PhiModel}.
 */
public final class Session implements AutoCloseable {
  /** Rows of logits that exist at once: 8 MB at EEVE's vocabulary. */
  private static final int LOGITS_ROWS = 32;

  private final PhiModel model;
  private final List<LoraAdapter> adapters;
  private final LinearLayer lmHead;
  private final Workers workers;
  private final KeyValueCache cache;
  private final Activations single;
  private final FloatMatrix logits;
  private final Linear.Product[] head;
  private Activations block;

  /** For {@link #appendForLogits(int[], int, int)}. */
  private final FewRows few;

  /** What the context holds, from position 0. */
  private final int[] tokens;

  private int position;

  /** Whether {@link #single} holds the final hidden state of the last token. */
  private boolean lastHidden;

  private boolean closed;

  /**
   * Takes memory for a context that keeps keys and values as F32.
   *
   * @param model the model; close it after this
   * @param pool threads to run on
   * @param blocking block sizes
   * @param capacity tokens the context can hold, 1 to the model's max_position_embeddings
   */
  public Session(PhiModel model, WorkerPool pool, Blocking blocking, int capacity) {
    this(model, List.of(), pool, blocking, ElementType.F32, capacity);
  }

  /**
   * Takes memory for a context that is computed with adapters beside the model's weights.
   *
   * @param model the model; close it after this
   * @param adapters their updates add up; close them after this
   * @param pool threads to run on
   * @param blocking block sizes
   * @param cacheType how to keep keys and values: F32, F16, BF16 or Q8_0
   * @param capacity tokens the context can hold, 1 to the model's max_position_embeddings
   */
  public Session(
      PhiModel model,
      List<LoraAdapter> adapters,
      WorkerPool pool,
      Blocking blocking,
      ElementType cacheType,
      int capacity) {
    PhiConfig config = model.config();
    if (capacity < 1 || capacity > config.maxPositionEmbeddings()) {
      throw new IllegalArgumentException(
          "capacity: " + capacity + ", needed 1 to " + config.maxPositionEmbeddings());
    }
    MemoryPlan.requireContext(config, model.types(), cacheType, capacity);
    LoraAdapter.requireTogether(config.dimensions(), adapters);
    this.model = model;
    this.adapters = List.copyOf(adapters);
    this.lmHead = lmHead(model, adapters);
    this.single = new Activations(model, adapters, 1, new float[0]);
    this.block = new Activations(model, adapters, 1, new float[0]);
    this.logits = FloatMatrix.allocate(1, config.vocabSize());
    this.head = new Linear.Product[] {lmHead.product(logits, single.x)};
    this.few = new FewRows(model, adapters, lmHead);
    this.workers = pool.workers(blocking);
    this.cache = new KeyValueCache(config, cacheType, capacity);
    this.tokens = new int[capacity];
  }

  /** The model's own head, or an adapter's. */
  private static LinearLayer lmHead(PhiModel model, List<LoraAdapter> adapters) {
    for (LoraAdapter adapter : adapters) {
      if (adapter.savedMatrix("lm_head.weight").isPresent()) {
        return new LinearLayer(
            adapter.savedMatrix("lm_head.weight").get(), adapter.savedVector("lm_head.bias").get());
      }
    }
    return model.lmHead();
  }

  /**
   * Tokens this context holds.
   *
   * @return their number, the position of the next one
   */
  public int position() {
    return position;
  }

  /**
   * Tokens this context can hold.
   *
   * @return the capacity
   */
  public int capacity() {
    return cache.capacity();
  }

  /**
   * Forgets the tokens from a position on, so that others may follow the rest.
   *
   * @param to the new {@link #position}, at most the present one
   */
  public void rewind(int to) {
    if (to < 0 || to > position) {
      throw new IllegalArgumentException("position: " + to + ", needed 0 to " + position);
    }
    if (to < position) {
      position = to;
      lastHidden = false;
    }
  }

  /**
   * Appends tokens: one as a single step, more in blocks as matrix products. Where the block sizes
   * have {@link Blocking#strassenRows}, last bits depend on how tokens were given to this and to
   * {@link #rewindToCommon}, since larger blocks mix their rows; without, on the tokens alone.
   *
   * @param ids token ids, each in 0 … V − 1
   * @param from index of the first
   * @param to one past the last
   */
  public void append(int[] ids, int from, int to) {
    check(ids, from, to);
    if (to - from == 1) {
      forward(single, ids, from, false);
      lastHidden = true;
      return;
    }
    for (int first = from; first < to; ) {
      int end = endOfBlock(first, to);
      appendBlock(ids, first, end);
      first = end;
    }
  }

  /**
   * Where the first block ends that tokens are processed in: blocks are of nearly equal size. A
   * caller who appends block by block can do other things between them.
   *
   * @param from index of the first token
   * @param to one past the last token, more than {@code from}
   * @return one past the last token of the first block
   */
  public int endOfBlock(int from, int to) {
    int size = workers.blocking().tokens();
    int blocks = (to - from + size - 1) / size;
    return from + (to - from + blocks - 1) / blocks;
  }

  private void appendBlock(int[] ids, int from, int to) {
    int rows = to - from;
    if (block.rows() != rows) {
      block = new Activations(model, adapters, rows, block.buffer());
    }
    forward(block, ids, from, true);
    System.arraycopy(
        block.x.data(),
        block.x.index(rows - 1),
        single.x.data(),
        single.x.offset(),
        block.x.columns());
    lastHidden = true;
  }

  private void forward(Activations activations, int[] ids, int from, boolean prompt) {
    PhiForward.forward(workers, model, activations, cache, ids, from, position, prompt);
    System.arraycopy(ids, from, tokens, position, activations.rows());
    position += activations.rows();
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the session is closed");
    }
  }

  private void check(int[] ids, int from, int to) {
    checkOpen();
    if (to - from > cache.capacity() - position) {
      throw new IllegalArgumentException(
          "tokens: %d after %d, the context holds %d; make it longer or shorten the text"
              .formatted(to - from, position, cache.capacity()));
    }
    checkTokens(ids, from, to);
  }

  /**
   * Refuses ids that the model has no row for, before any work.
   *
   * @param ids token ids
   * @param from index of the first
   * @param to one past the last
   * @throws IllegalArgumentException names the first that is not in 0 … V − 1
   */
  public void checkTokens(int[] ids, int from, int to) {
    for (int i = from; i < to; i++) {
      if (ids[i] < 0 || ids[i] >= vocabSize()) {
        throw new IllegalArgumentException(
            "tokens: id %d at %d, needed 0 to %d".formatted(ids[i], i, vocabSize() - 1));
      }
    }
  }

  /**
   * Ids of the model.
   *
   * @return V, rows of padding included
   */
  public int vocabSize() {
    return model.config().vocabSize();
  }

  /**
   * Scores every token that may follow the last one appended.
   *
   * @return V logits, valid until the next call; the caller may change them
   */
  public float[] logits() {
    if (closed || !lastHidden) {
      throw new IllegalStateException(
          closed ? "the session is closed" : "no token appended since the start or a rewind");
    }
    Linear.forward(workers, head);
    return logits.data();
  }

  /**
   * Appends tokens and gives the log-probability of each target after its token.
   *
   * @param ids token ids
   * @param from index of the first token
   * @param to one past the last token
   * @param targets at the index of each token of {@code ids}, the token that should follow it
   * @return to − from log-probabilities
   */
  public double[] appendAndScore(int[] ids, int from, int to, int[] targets) {
    check(ids, from, to);
    double[] scores = new double[to - from];
    for (int first = from; first < to; ) {
      int end = endOfBlock(first, to);
      appendBlock(ids, first, end);
      CrossEntropy.logProbabilities(
          workers, scores, first - from, block.x, lmHead.weight(), lmHead.bias(), targets, first);
      first = end;
    }
    return scores;
  }

  /**
   * Appends tokens and gives the logits after each of them, a few rows at a time.
   *
   * @param ids token ids
   * @param from index of the first token
   * @param to one past the last token
   * @param rows takes (r, V) logits in order; the matrix is reused afterwards
   */
  public void appendForLogits(int[] ids, int from, int to, Consumer<FloatMatrix> rows) {
    check(ids, from, to);
    LinearLayer head = lmHead;
    for (int first = from; first < to; ) {
      int end = endOfBlock(first, to);
      appendBlock(ids, first, end);
      for (int r = 0; r < end - first; r += LOGITS_ROWS) {
        int count = Math.min(LOGITS_ROWS, end - first - r);
        FloatMatrix out = FloatMatrix.allocate(count, model.config().vocabSize());
        Linear.forward(workers, head.product(out, block.x.rows(r, count)));
        rows.accept(out);
      }
      first = end;
    }
  }

  /**
   * Appends a few tokens in one block and gives the logits after each of them: the bits that single
   * steps give.
   *
   * @param ids token ids
   * @param from index of the first token
   * @param to one past the last token, at most 16 after the first
   * @return (to − from, V) logits, valid until the next call; the caller may change them
   */
  public FloatMatrix appendForLogits(int[] ids, int from, int to) {
    check(ids, from, to);
    int rows = to - from;
    if (rows < 1 || rows > FewRows.MOST) {
      throw new IllegalArgumentException(
          "tokens: " + rows + ", needed 1 to " + FewRows.MOST + " for logits at once");
    }
    FewRows.Block drafts = few.of(rows);
    forward(drafts.activations(), ids, from, false);
    lastHidden = false;
    Linear.forward(workers, drafts.head());
    return drafts.logits();
  }

  /**
   * What a block of a few tokens costs beside single steps. It depends on the kind of weights and
   * kernels alone: an estimate that is the same in every run.
   *
   * @param rows tokens of the block, at least 1
   * @return single steps that take as long, 1 or more
   */
  public double blockCost(int rows) {
    return Linear.blockCost(model.type(), rows);
  }

  /**
   * Writes what this holds, so that a later session need not read it again: tokens, keys and
   * values, and what computed them.
   *
   * @param file a safetensors file that appears whole, or not at all
   * @param tokenizer what tells apart the tokenizer that made the ids
   * @throws IOException names the file
   * @throws IllegalStateException where this holds nothing
   */
  public void save(Path file, String tokenizer) throws IOException {
    checkOpen();
    if (position == 0) {
      throw new IllegalStateException("the context holds no token to save");
    }
    contextFile(tokenizer).write(file, position);
  }

  /**
   * Reads what {@link #save} wrote into this context, which must hold nothing; of more than fits,
   * the beginning. What follows has the bits it would have after these tokens themselves, given as
   * they were then (see {@link #append}). Plain products and Strassen's do not mix: a file of the
   * one is refused by a session of the other.
   *
   * @param file as saved by a session of the same model, adapters, key/value type and block sizes
   * @param tokenizer as it was saved with
   * @throws IOException names the file and what is wrong with it; the context then holds nothing
   * @throws IllegalStateException where this holds tokens
   */
  public void load(Path file, String tokenizer) throws IOException {
    checkOpen();
    if (position > 0) {
      throw new IllegalStateException(
          "the context holds %d tokens, needed an empty one to load into".formatted(position));
    }
    position = contextFile(tokenizer).read(file, vocabSize());
  }

  private ContextFile contextFile(String tokenizer) {
    return new ContextFile(
        cache, tokens, ContextFile.identity(model, adapters, cache, workers, tokenizer));
  }

  /**
   * The tokens this context holds.
   *
   * @return a copy, {@link #position} of them
   */
  public int[] tokens() {
    return Arrays.copyOf(tokens, position);
  }

  /**
   * Keeps what this shares with the beginning of a text and forgets the rest. The text's last token
   * is left to be read, as its logits are not kept.
   *
   * @param text ids, at least one
   * @return the new {@link #position}, at most the text's length − 1
   */
  public int rewindToCommon(int[] text) {
    int most = Math.min(position, text.length - 1);
    int mismatch = Arrays.mismatch(tokens, 0, most, text, 0, most);
    rewind(mismatch < 0 ? most : mismatch);
    return position;
  }

  /** Frees the context. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      cache.close();
      workers.close();
    }
  }
}
