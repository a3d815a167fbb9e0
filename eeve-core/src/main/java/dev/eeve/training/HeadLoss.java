package dev.eeve.training;

import dev.eeve.kernels.CrossEntropy;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The head, the loss and their backward pass, a chunk of rows at a time: logits exist for one chunk
 * only. Rows without a target take no part.
 */
final class HeadLoss {
  /** Rows of a chunk: 120 MB of logits at EEVE's vocabulary; half as many cost 8 % of a step. */
  private static final int ROWS = 512;

  private final TrainedLinear head;
  private final int hiddenSize;

  /** The head's segments, cut at the last row that the softmax goes over. */
  private final List<RowSegment> segments = new ArrayList<>();

  private final int vocabulary;
  private float[] hidden = {};
  private float[] gradient = {};
  private float[] logits = {};

  /**
   * A head.
   *
   * @param lossRows rows of the head that the softmax goes over, from the first on
   */
  HeadLoss(TrainedLinear head, int hiddenSize, int lossRows) {
    this.head = head;
    this.hiddenSize = hiddenSize;
    this.vocabulary = lossRows;
    for (RowSegment segment : head.weight()) {
      if (segment.firstRow() < lossRows) {
        segments.add(
            segment.first(Math.min(segment.weights().rows(), lossRows - segment.firstRow())));
      }
    }
  }

  /** Rows of the largest chunk of a batch. */
  static int rows(int batchRows) {
    return Math.min(ROWS, batchRows);
  }

  /** Bytes of a chunk's inputs, their gradients and its logits. */
  static long byteSize(int batchRows, int hiddenSize, int lossRows) {
    return (long) Float.BYTES * rows(batchRows) * (2L * hiddenSize + lossRows);
  }

  /** {@code Σ −log p} over all targets; nothing else is changed. */
  double forward(Workers workers, FloatMatrix x, int[] targets) {
    int[] rows = rowsWithTargets(targets);
    double loss = 0;
    for (int first = 0; first < rows.length; first += ROWS) {
      int[] chunk = Arrays.copyOfRange(rows, first, Math.min(rows.length, first + ROWS));
      FloatMatrix in = gather(x, chunk);
      FloatMatrix[] pieces = logits(workers, in);
      double[] losses = new double[chunk.length];
      CrossEntropy.forward(workers, losses, 0, labels(targets, chunk), pieces);
      for (double one : losses) {
        loss += one;
      }
    }
    return loss;
  }

  /**
   * {@code Σ −log p}, and the gradients of {@code scale} times that: of the head's trained rows,
   * and of {@code x}, overwritten, if that is needed.
   */
  double forwardBackward(
      Workers workers,
      FloatMatrix dx,
      boolean needX,
      FloatMatrix x,
      int[] targets,
      float scale,
      GradientFlow flow) {
    boolean overwrites = start(flow);
    int[] rows = rowsWithTargets(targets);
    if (needX) {
      Arrays.fill(dx.data(), dx.offset(), dx.offset() + dx.rows() * dx.columns(), 0f);
    }
    double loss = 0;
    for (int first = 0; first < rows.length; first += ROWS) {
      int[] chunk = Arrays.copyOfRange(rows, first, Math.min(rows.length, first + ROWS));
      FloatMatrix in = gather(x, chunk);
      FloatMatrix[] pieces = logits(workers, in);
      double[] losses = new double[chunk.length];
      CrossEntropy.forwardBackward(workers, losses, 0, labels(targets, chunk), scale, pieces);
      for (double one : losses) {
        loss += one;
      }
      backwardWeight(workers, pieces, in, overwrites && first == 0);
      if (needX) {
        backwardInput(workers, dx, chunk, pieces);
      }
    }
    if (rows.length == 0 && overwrites) {
      zero();
    }
    return loss;
  }

  /** Whether the first chunk overwrites: not where some trained rows are past the softmax's. */
  private boolean start(GradientFlow flow) {
    boolean all = head.weight().getLast().endRow() == vocabulary;
    if (flow.overwrites() && !all) {
      zero();
    }
    return flow.overwrites() && all;
  }

  private void zero() {
    for (RowSegment segment : head.weight()) {
      segment.trained().ifPresent(rows -> rows.gradient().fillWithZeros());
    }
  }

  private void backwardInput(Workers workers, FloatMatrix dx, int[] chunk, FloatMatrix[] dLogits) {
    Linear.InputGradient[] parts = new Linear.InputGradient[segments.size()];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = new Linear.InputGradient(dLogits[i], segments.get(i).weights());
    }
    gradient = grown(gradient, chunk.length * hiddenSize);
    FloatMatrix dIn = new FloatMatrix(gradient, 0, chunk.length, hiddenSize);
    Linear.backwardInput(workers, dIn, parts);
    for (int r = 0; r < chunk.length; r++) {
      System.arraycopy(gradient, dIn.index(r), dx.data(), dx.index(chunk[r]), hiddenSize);
    }
  }

  private void backwardWeight(
      Workers workers, FloatMatrix[] dLogits, FloatMatrix in, boolean overwrites) {
    List<Linear.WeightGradient> parts = new ArrayList<>();
    for (int i = 0; i < segments.size(); i++) {
      FloatMatrix dOut = dLogits[i];
      segments
          .get(i)
          .trained()
          .ifPresent(
              rows -> parts.add(new Linear.WeightGradient(rows.gradient(), dOut, in, overwrites)));
    }
    if (!parts.isEmpty()) {
      Linear.backwardWeight(workers, parts.toArray(Linear.WeightGradient[]::new));
    }
    for (TrainedVector vector : head.trainedBias()) {
      for (int i = 0; i < segments.size(); i++) {
        backwardBias(workers, vector, segments.get(i), dLogits[i]);
      }
    }
  }

  /** The elements of a trained stretch of the bias that stand beside one segment. */
  private static void backwardBias(
      Workers workers, TrainedVector vector, RowSegment segment, FloatMatrix dLogits) {
    int from = Math.max(vector.firstRow(), segment.firstRow());
    int to = Math.min(vector.firstRow() + vector.rows(), segment.endRow());
    if (from >= to) {
      return;
    }
    int at = from - vector.firstRow();
    float[] part = Arrays.copyOfRange(vector.gradient(), at, at + to - from);
    Linear.backwardBias(workers, part, dLogits, from - segment.firstRow());
    System.arraycopy(part, 0, vector.gradient(), at, part.length);
  }

  private FloatMatrix[] logits(Workers workers, FloatMatrix in) {
    logits = grown(logits, Math.multiplyExact(in.rows(), vocabulary));
    Linear.Product[] products = new Linear.Product[segments.size()];
    FloatMatrix[] pieces = new FloatMatrix[products.length];
    for (int i = 0; i < products.length; i++) {
      RowSegment segment = segments.get(i);
      int rows = segment.weights().rows();
      pieces[i] = new FloatMatrix(logits, in.rows() * segment.firstRow(), in.rows(), rows);
      float[] bias = Arrays.copyOfRange(head.bias(), segment.firstRow(), segment.endRow());
      products[i] = new Linear.Product(pieces[i], in, segment.weights(), bias);
    }
    Linear.forwardExact(workers, products);
    return pieces;
  }

  private FloatMatrix gather(FloatMatrix x, int[] chunk) {
    hidden = grown(hidden, chunk.length * hiddenSize);
    for (int r = 0; r < chunk.length; r++) {
      System.arraycopy(x.data(), x.index(chunk[r]), hidden, r * hiddenSize, hiddenSize);
    }
    return new FloatMatrix(hidden, 0, chunk.length, hiddenSize);
  }

  private int[] rowsWithTargets(int[] targets) {
    int[] rows = new int[targets.length];
    int count = 0;
    for (int r = 0; r < targets.length; r++) {
      if (targets[r] != CrossEntropy.IGNORED) {
        if (targets[r] < 0 || targets[r] >= vocabulary) {
          throw new IllegalArgumentException(
              "targets: %d at %d, needed 0 to %d, or %d for none"
                  .formatted(targets[r], r, vocabulary - 1, CrossEntropy.IGNORED));
        }
        rows[count++] = r;
      }
    }
    return Arrays.copyOf(rows, count);
  }

  private static int[] labels(int[] targets, int[] chunk) {
    int[] labels = new int[chunk.length];
    Arrays.setAll(labels, r -> targets[chunk[r]]);
    return labels;
  }

  private static float[] grown(float[] buffer, int size) {
    return buffer.length >= size ? buffer : new float[size];
  }
}
