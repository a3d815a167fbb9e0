package dev.eeve.training;

import dev.eeve.kernels.Weights;
import java.util.Optional;

/**
 * Neighbouring rows of a matrix: frozen ones as the model stores them, or trained ones.
 *
 * @param firstRow row 0 of {@code weights} is this row of the parameter
 * @param weights what the forward pass reads
 * @param trained the gradient beside them, if they train
 */
record RowSegment(int firstRow, Weights weights, Optional<TrainedMatrix> trained) {
  int endRow() {
    return firstRow + weights.rows();
  }

  /** The first {@code count} rows. */
  RowSegment first(int count) {
    if (count == weights.rows()) {
      return this;
    }
    return new RowSegment(
        firstRow,
        weights.rows(0, count),
        trained.map(
            rows ->
                new TrainedMatrix(
                    rows.name(),
                    rows.firstRow(),
                    rows.master().rows(0, count),
                    rows.gradient().rows(0, count))));
  }
}
