package dev.eeve.training;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.model.PhiConfig;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The memory of a pass over R rows: what each layer keeps for its backward pass, and what the
 * layers share. With gradient checkpointing only the residual stream before each layer is kept.
 */
final class TrainingActivations implements AutoCloseable {
  /** The residual stream before each layer that is kept, and after the last. */
  final List<FloatMatrix> h = new ArrayList<>();

  final FloatMatrix x;
  final FloatMatrix g;
  final FloatMatrix o;
  final FloatMatrix m;

  /** Of the last norm. */
  final float[] mean;

  final float[] rstd;

  /** Keys and values of one document in the attention's layout. */
  final KeyValueRows cache;

  /** Memory of the backward pass; only where there is one through the body. */
  final FloatMatrix dh;

  final FloatMatrix dx;
  final FloatMatrix dq;
  final FloatMatrix dk;
  final FloatMatrix dv;
  final FloatMatrix df;

  /** Of an adapter. */
  final UpdateRoom updates;

  private final int rows;
  private final int longest;
  private final int firstKept;
  private final List<LayerActivations> kept = new ArrayList<>();
  private final LayerActivations shared;
  private final Arena arena;

  /**
   * Takes memory.
   *
   * @param firstKept the lowest layer the backward pass reaches; the number of layers for none
   * @param checkpointing whether layers are computed again for their backward pass
   */
  TrainingActivations(
      PhiConfig config,
      Optional<LoraConfig> adapter,
      int rows,
      int longest,
      int firstKept,
      boolean checkpointing) {
    this.rows = rows;
    updates = new UpdateRoom(adapter, config, rows);
    this.longest = longest;
    this.firstKept = firstKept;
    arena = Arena.ofShared();
    int hidden = config.hiddenSize();
    int keyValue = config.numKeyValueHeads() * config.headDim();
    int layers = config.numHiddenLayers();
    for (int i = firstKept; i <= layers; i++) {
      h.add(FloatMatrix.allocate(rows, hidden));
    }
    boolean keeps = !checkpointing && firstKept < layers;
    for (int i = firstKept; keeps && i < layers; i++) {
      kept.add(new LayerActivations(config, rows));
    }
    shared = keeps ? kept.getFirst() : new LayerActivations(config, rows);
    x = FloatMatrix.allocate(rows, hidden);
    g = FloatMatrix.allocate(rows, config.intermediateSize());
    o = FloatMatrix.allocate(rows, hidden);
    m = FloatMatrix.allocate(rows, hidden);
    mean = new float[rows];
    rstd = new float[rows];
    cache =
        KeyValueRows.allocate(
            arena, ElementType.F32, config.numKeyValueHeads(), config.headDim(), longest);
    int backward = firstKept < layers ? rows : 0;
    dh = FloatMatrix.allocate(backward, hidden);
    dx = FloatMatrix.allocate(rows, hidden);
    dq = FloatMatrix.allocate(backward, hidden);
    dk = FloatMatrix.allocate(backward, keyValue);
    dv = FloatMatrix.allocate(backward, keyValue);
    df = FloatMatrix.allocate(backward, config.intermediateSize());
  }

  /** The first rows of another's memory, which stays its owner. */
  private TrainingActivations(TrainingActivations all, int rows) {
    this.rows = rows;
    updates = all.updates;
    longest = all.longest;
    firstKept = all.firstKept;
    arena = all.arena;
    all.h.forEach(matrix -> h.add(matrix.rows(0, rows)));
    all.kept.forEach(layer -> kept.add(layer.first(rows)));
    shared = kept.isEmpty() ? all.shared.first(rows) : kept.getFirst();
    x = all.x.rows(0, rows);
    g = all.g.rows(0, rows);
    o = all.o.rows(0, rows);
    m = all.m.rows(0, rows);
    mean = new float[rows];
    rstd = new float[rows];
    cache = all.cache;
    int backward = Math.min(rows, all.dh.rows());
    dh = all.dh.rows(0, backward);
    dx = all.dx.rows(0, rows);
    dq = all.dq.rows(0, backward);
    dk = all.dk.rows(0, backward);
    dv = all.dv.rows(0, backward);
    df = all.df.rows(0, backward);
  }

  boolean fits(int rows, int longest) {
    return rows <= this.rows && longest <= this.longest;
  }

  /** As many of these rows as a batch has. */
  TrainingActivations first(int rows) {
    return rows == this.rows ? this : new TrainingActivations(this, rows);
  }

  /** Bytes the constructor takes on the heap, and for {@link #cache} off it. */
  static long byteSize(
      PhiConfig config, int rows, int longest, int firstKept, boolean checkpointing) {
    int layers = config.numHiddenLayers();
    long hidden = config.hiddenSize();
    long keyValue = (long) config.numKeyValueHeads() * config.headDim();
    boolean keeps = !checkpointing && firstKept < layers;
    long backward = firstKept < layers ? 2 * hidden + 2 * keyValue + config.intermediateSize() : 0;
    long floats =
        (layers - firstKept + 1) * hidden + 4 * hidden + config.intermediateSize() + 2 + backward;
    return floats * Float.BYTES * rows
        + (keeps ? layers - firstKept : 1) * LayerActivations.byteSize(config, rows)
        + KeyValueRows.byteSize(
            ElementType.F32, config.numKeyValueHeads(), config.headDim(), longest);
  }

  /** The residual stream before a layer; below the lowest kept layer there is only one. */
  FloatMatrix h(int layer) {
    return h.get(Math.max(0, layer - firstKept));
  }

  /** Where a layer's forward pass writes. */
  LayerActivations layer(int layer) {
    return kept.isEmpty() || layer < firstKept ? shared : kept.get(layer - firstKept);
  }

  @Override
  public void close() {
    arena.close();
  }
}
