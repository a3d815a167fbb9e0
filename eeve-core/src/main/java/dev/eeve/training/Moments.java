package dev.eeve.training;

import dev.eeve.kernels.AdamW;
import dev.eeve.kernels.BlockMoments;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.GradientNorm;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.Workers;
import java.lang.foreign.Arena;

/** AdamW's two moments of rows that train, in the layout of their values. */
sealed interface Moments {
  /** Their values and gradient. */
  TrainedRows rows();

  /** Of a matrix. */
  record OfMatrix(TrainedMatrix rows, Weights first, Weights second) implements Moments {}

  /** Of a matrix, in 8 bits. */
  record InBlocks(TrainedMatrix rows, BlockMoments both) implements Moments {}

  /** Of a vector. */
  record OfVector(TrainedVector rows, float[] first, float[] second) implements Moments {}

  static Moments of(Arena arena, TrainedRows rows, boolean eightBit) {
    return switch (rows) {
      case TrainedMatrix matrix when eightBit ->
          new InBlocks(
              matrix, BlockMoments.allocate(arena, matrix.rows(), matrix.gradient().columns()));
      case TrainedMatrix matrix ->
          new OfMatrix(matrix, like(arena, matrix.master()), like(arena, matrix.master()));
      case TrainedVector vector ->
          new OfVector(vector, new float[vector.rows()], new float[vector.rows()]);
    };
  }

  private static Weights like(Arena arena, Weights master) {
    return Weights.allocate(arena, ElementType.F32, master.rows(), master.columns());
  }

  /** Bytes of both moments of a matrix. */
  static long byteSize(int rows, int columns, boolean eightBit) {
    return eightBit
        ? BlockMoments.byteSize(rows, columns)
        : 2 * Weights.byteSize(ElementType.F32, rows, columns);
  }

  /** {@code Σ g²}. */
  default double sumOfSquares(Workers workers) {
    return switch (this) {
      case OfMatrix m -> GradientNorm.sumOfSquares(workers, m.rows().gradient());
      case InBlocks m -> GradientNorm.sumOfSquares(workers, m.rows().gradient());
      case OfVector v -> GradientNorm.sumOfSquares(v.rows().gradient());
    };
  }

  /**
   * Updates the values.
   *
   * @param seed of rounding by chance
   * @return false where a BF16 value became infinite
   */
  default boolean update(Workers workers, AdamW.Step step, int seed) {
    switch (this) {
      case OfMatrix m ->
          AdamW.step(workers, m.rows().master(), m.first(), m.second(), m.rows().gradient(), step);
      case InBlocks m -> {
        TrainedMatrix rows = m.rows();
        return AdamW.step(workers, rows.master(), m.both(), rows.gradient(), step, seed);
      }
      case OfVector v ->
          AdamW.step(
              v.rows().values(),
              v.rows().firstRow(),
              v.first(),
              v.second(),
              v.rows().gradient(),
              step);
    }
    return true;
  }

  /** As {@code lm_head.weight[50295:58944]}. */
  default String label() {
    return rows().name()
        + "["
        + rows().firstRow()
        + ":"
        + (rows().firstRow() + rows().rows())
        + "]";
  }
}
