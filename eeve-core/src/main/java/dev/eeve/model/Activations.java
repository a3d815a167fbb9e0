package dev.eeve.model;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Weights;
import java.util.List;

/** What a forward pass of R rows writes, and the products of each layer bound to it. */
final class Activations {
  final FloatMatrix h;
  final FloatMatrix x;
  final FloatMatrix q;
  final FloatMatrix k;
  final FloatMatrix v;
  final FloatMatrix a;
  final FloatMatrix f;
  final FloatMatrix o;
  final FloatMatrix m;
  final float[] mean;
  final float[] rstd;

  /** Per layer: q, k, v and fc1, which read x. */
  final Linear.Product[][] inward;

  /** Per layer: dense and fc2, which join the residual stream. */
  final Linear.Product[][] outward;

  /** What adapters add to those products. */
  final AdapterUpdates updates;

  /** The model's own input embedding, or an adapter's. */
  final Weights embedTokens;

  private final float[] data;
  private int used;

  /** Binds views of {@code buffer}, or of a new one where that is too small. */
  Activations(PhiModel model, List<LoraAdapter> adapters, int rows, float[] buffer) {
    PhiConfig config = model.config();
    int size = Math.multiplyExact(rows, floatsPerRow(config));
    data = buffer.length >= size ? buffer : new float[size];
    int hidden = config.hiddenSize();
    int keyValue = config.numKeyValueHeads() * config.headDim();
    h = take(rows, hidden);
    x = take(rows, hidden);
    q = take(rows, hidden);
    k = take(rows, keyValue);
    v = take(rows, keyValue);
    a = take(rows, hidden);
    f = take(rows, config.intermediateSize());
    o = take(rows, hidden);
    m = take(rows, hidden);
    mean = new float[rows];
    rstd = new float[rows];
    inward = new Linear.Product[model.layers().size()][];
    outward = new Linear.Product[model.layers().size()][];
    for (int i = 0; i < inward.length; i++) {
      PhiLayer layer = model.layers().get(i);
      inward[i] =
          new Linear.Product[] {
            layer.qProj().product(q, x),
            layer.kProj().product(k, x),
            layer.vProj().product(v, x),
            layer.fc1().product(f, x)
          };
      // the short rows last: threads end together
      outward[i] = new Linear.Product[] {layer.fc2().product(m, f), layer.dense().product(o, a)};
    }
    updates = new AdapterUpdates(adapters, this, inward.length);
    embedTokens =
        adapters.stream()
            .flatMap(adapter -> adapter.savedMatrix("model.embed_tokens.weight").stream())
            .findFirst()
            .orElse(model.embedTokens());
  }

  static int floatsPerRow(PhiConfig config) {
    return 6 * config.hiddenSize()
        + 2 * config.numKeyValueHeads() * config.headDim()
        + config.intermediateSize();
  }

  int rows() {
    return h.rows();
  }

  /** The memory, for a later pass of another size. */
  float[] buffer() {
    return data;
  }

  private FloatMatrix take(int rows, int columns) {
    FloatMatrix matrix = new FloatMatrix(data, used, rows, columns);
    used += rows * columns;
    return matrix;
  }
}
