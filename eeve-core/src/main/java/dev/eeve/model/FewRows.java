package dev.eeve.model;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import java.util.List;

/**
 * Room for blocks of a few tokens whose logits are all wanted. Blocks of all sizes share memory,
 * which is taken when the first is asked for.
 */
final class FewRows {
  /** The most rows of a block. */
  static final int MOST = 16;

  /** What a block of so many rows is computed in. */
  record Block(Activations activations, FloatMatrix logits, Linear.Product[] head) {}

  private final PhiModel model;
  private final List<LoraAdapter> adapters;
  private final LinearLayer lmHead;
  private final Block[] blocks = new Block[MOST + 1];
  private float[] logits = {};
  private float[] activations = {};

  FewRows(PhiModel model, List<LoraAdapter> adapters, LinearLayer lmHead) {
    this.model = model;
    this.adapters = adapters;
    this.lmHead = lmHead;
  }

  /** The block of 1 to {@link #MOST} rows. */
  Block of(int rows) {
    if (blocks[rows] == null) {
      blocks[rows] = make(rows);
    }
    return blocks[rows];
  }

  private Block make(int rows) {
    int vocabulary = model.config().vocabSize();
    if (logits.length == 0) {
      logits = new float[MOST * vocabulary];
      activations = new Activations(model, adapters, MOST, activations).buffer();
    }
    Activations own = new Activations(model, adapters, rows, activations);
    FloatMatrix out = new FloatMatrix(logits, 0, rows, vocabulary);
    return new Block(own, out, new Linear.Product[] {lmHead.product(out, own.x)});
  }
}
