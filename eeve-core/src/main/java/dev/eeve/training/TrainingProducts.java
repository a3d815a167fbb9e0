package dev.eeve.training;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Products of linear layers whose rows may be cut into segments. A layer of one segment writes and
 * reads its matrices in place; of several, each segment has a matrix of its own columns.
 */
final class TrainingProducts {
  private TrainingProducts() {}

  /** A layer and the matrices of its outputs and inputs, or of their gradients. */
  record Bound(TrainedLinear layer, FloatMatrix out, FloatMatrix in) {}

  /** {@code out = in · Wᵀ + b} of some layers with equally many rows, and their updates. */
  static void forward(Workers workers, UpdateRoom room, Bound... layers) {
    List<Linear.Product> products = new ArrayList<>();
    for (Bound bound : layers) {
      for (RowSegment segment : bound.layer.weight()) {
        products.add(
            new Linear.Product(
                own(bound, segment), bound.in, segment.weights(), bias(bound.layer, segment)));
      }
    }
    Linear.forwardExact(workers, products.toArray(Linear.Product[]::new));
    int i = 0;
    for (Bound bound : layers) {
      for (RowSegment segment : bound.layer.weight()) {
        FloatMatrix columns = products.get(i++).out();
        if (columns != bound.out) {
          copy(columns, 0, bound.out, segment.firstRow(), columns.columns());
        }
      }
    }
    for (Bound bound : layers) {
      bound.layer.update().ifPresent(update -> room.forward(workers, update, bound.out, bound.in));
    }
  }

  /**
   * {@code dIn = Σ dOut · W} of some layers, and through their updates, whose own gradients come
   * first; {@code out} holds dOut, {@code in} is not read.
   */
  static void backwardInput(Workers workers, UpdateRoom room, FloatMatrix dIn, Bound... layers) {
    List<Linear.InputGradient> parts = new ArrayList<>();
    for (Bound bound : layers) {
      for (RowSegment segment : bound.layer.weight()) {
        parts.add(new Linear.InputGradient(filled(bound, segment), segment.weights()));
      }
      bound.layer.update().flatMap(u -> room.inputGradient(u, dIn.rows())).ifPresent(parts::add);
    }
    Linear.backwardInput(workers, dIn, parts.toArray(Linear.InputGradient[]::new));
    for (Bound bound : layers) {
      bound.layer.update().ifPresent(update -> room.addDropped(workers, update, dIn));
    }
  }

  /**
   * Gradients of the rows that train, and of updates, which are added to; {@code out} holds dOut.
   */
  static void backwardWeight(
      Workers workers, UpdateRoom room, boolean overwrites, Bound... layers) {
    List<Linear.WeightGradient> parts = new ArrayList<>();
    for (Bound bound : layers) {
      for (RowSegment segment : bound.layer.weight()) {
        segment
            .trained()
            .ifPresent(
                rows ->
                    parts.add(
                        new Linear.WeightGradient(
                            rows.gradient(), filled(bound, segment), bound.in, overwrites)));
      }
      for (TrainedVector vector : bound.layer.trainedBias()) {
        Linear.backwardBias(workers, vector.gradient(), bound.out, vector.firstRow());
      }
      bound
          .layer
          .update()
          .ifPresent(update -> room.backwardWeight(workers, update, bound.out, bound.in));
    }
    if (!parts.isEmpty()) {
      Linear.backwardWeight(workers, parts.toArray(Linear.WeightGradient[]::new));
    }
  }

  /** The rows of a bias that stand beside a segment. */
  static float[] bias(TrainedLinear layer, RowSegment segment) {
    return layer.weight().size() == 1
        ? layer.bias()
        : Arrays.copyOfRange(layer.bias(), segment.firstRow(), segment.endRow());
  }

  private static FloatMatrix own(Bound bound, RowSegment segment) {
    return bound.layer.weight().size() == 1
        ? bound.out
        : FloatMatrix.allocate(bound.out.rows(), segment.weights().rows());
  }

  private static FloatMatrix filled(Bound bound, RowSegment segment) {
    FloatMatrix columns = own(bound, segment);
    if (columns != bound.out) {
      copy(bound.out, segment.firstRow(), columns, 0, columns.columns());
    }
    return columns;
  }

  private static void copy(FloatMatrix from, int column, FloatMatrix to, int toColumn, int count) {
    for (int r = 0; r < from.rows(); r++) {
      System.arraycopy(
          from.data(), from.index(r) + column, to.data(), to.index(r) + toColumn, count);
    }
  }
}
