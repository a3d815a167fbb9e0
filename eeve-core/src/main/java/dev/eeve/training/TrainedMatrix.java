package dev.eeve.training;

import dev.eeve.kernels.Weights;

/**
 * Rows of a matrix that train.
 *
 * @param name the parameter
 * @param firstRow row 0 of both matrices is this row of the parameter
 * @param master the values the forward pass reads, (rows, K): F32, or BF16 where they are rounded
 *     by chance
 * @param gradient (rows, K), F32; its padding is zero, and so is an F32 master's
 */
public record TrainedMatrix(String name, int firstRow, Weights master, Weights gradient)
    implements TrainedRows {
  @Override
  public int rows() {
    return master.rows();
  }
}
