package dev.eeve.training;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.kernels.Dropout;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Workers;
import dev.eeve.model.PhiConfig;
import java.util.Optional;

/**
 * What an adapter's updates need in a pass over R rows, and the choices of their dropout. Each
 * layer drops elements of its input of its own, as in PEFT; a backward pass makes the same choices
 * again.
 */
final class UpdateRoom {
  /** Linear layers of a decoder layer. */
  private static final int MODULES = 6;

  private final Optional<LoraConfig> config;

  /** {@code B (A x)} of one layer, or the gradient of its dropped input. */
  private final float[] outer;

  private final float[] dropped;
  private final float[] inner;

  /** From a layer's own gradients to that of its input; its modules are at work together. */
  private final float[][] dInner = new float[MODULES][];

  /** Of the pass at hand. */
  private double probability;

  private long seed;

  UpdateRoom(Optional<LoraConfig> config, PhiConfig model, int rows) {
    this.config = config;
    int r = config.map(LoraConfig::r).orElse(0);
    outer = new float[r == 0 ? 0 : Math.multiplyExact(rows, widest(model))];
    dropped = new float[drops(config) ? outer.length : 0];
    inner = new float[Math.multiplyExact(rows, r)];
    for (int i = 0; i < MODULES; i++) {
      dInner[i] = new float[inner.length];
    }
  }

  private static int widest(PhiConfig model) {
    return Math.max(model.hiddenSize(), model.intermediateSize());
  }

  private static boolean drops(Optional<LoraConfig> config) {
    return config.isPresent() && config.get().loraDropout() > 0;
  }

  /** Bytes the constructor takes on the heap. */
  static long byteSize(Optional<LoraConfig> config, PhiConfig model, int rows) {
    if (config.isEmpty()) {
      return 0;
    }
    long wide = (long) widest(model) * (drops(config) ? 2 : 1);
    return Float.BYTES * rows * (wide + (MODULES + 1L) * config.get().r());
  }

  /** Starts a pass that trains. */
  void begin(long passSeed) {
    probability = config.map(LoraConfig::loraDropout).orElse(0.0);
    seed = passSeed;
  }

  /** Starts a pass that only measures. */
  void beginWithoutDropout() {
    probability = 0;
  }

  /** {@code out += s B A drop(in)}. */
  void forward(Workers workers, TrainedUpdate update, FloatMatrix out, FloatMatrix in) {
    LowRank.forward(workers, new LowRank.Group(bind(workers, update, out, in)));
  }

  private LowRank.Update bind(
      Workers workers, TrainedUpdate update, FloatMatrix out, FloatMatrix in) {
    int rows = in.rows();
    return new LowRank.Update(
        update.weights(),
        out,
        drop(workers, update, in),
        new FloatMatrix(inner, 0, rows, update.weights().rank()),
        new FloatMatrix(outer, 0, rows, out.columns()));
  }

  private FloatMatrix drop(Workers workers, TrainedUpdate update, FloatMatrix in) {
    if (probability == 0) {
      return in;
    }
    FloatMatrix out = new FloatMatrix(dropped, 0, in.rows(), in.columns());
    Dropout.forward(workers, out, in, probability, seed(update));
    return out;
  }

  private long seed(TrainedUpdate update) {
    return RandomNumbers.mix(seed, update.index());
  }

  /** Adds to the gradients of A and B. */
  void backwardWeight(Workers workers, TrainedUpdate update, FloatMatrix dOut, FloatMatrix in) {
    LowRank.Update bound = bind(workers, update, dOut, in);
    LowRank.forwardInner(workers, new LowRank.Group(bound));
    update
        .weights()
        .backward(
            workers,
            update.a().gradient(),
            update.b().gradient(),
            dInner(update, in.rows()),
            dOut,
            bound.in(),
            bound.inner());
  }

  private FloatMatrix dInner(TrainedUpdate update, int rows) {
    return new FloatMatrix(dInner[update.index() % MODULES], 0, rows, update.weights().rank());
  }

  /**
   * The update's part of the gradient of its input, after {@link #backwardWeight}; if undropped.
   */
  Optional<Linear.InputGradient> inputGradient(TrainedUpdate update, int rows) {
    return probability == 0
        ? Optional.of(update.weights().inputGradient(dInner(update, rows)))
        : Optional.empty();
  }

  /** Adds that part to {@code dIn} where elements of the input were dropped. */
  void addDropped(Workers workers, TrainedUpdate update, FloatMatrix dIn) {
    if (probability > 0) {
      FloatMatrix part = new FloatMatrix(outer, 0, dIn.rows(), dIn.columns());
      Linear.backwardInput(
          workers, part, update.weights().inputGradient(dInner(update, dIn.rows())));
      Dropout.backward(workers, part, part, probability, seed(update));
      LowRank.add(workers, dIn, part);
    }
  }
}
