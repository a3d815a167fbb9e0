package dev.eeve.training;

import java.util.List;

/** What a backward pass does with the gradients of matrices: starts or adds, and hands on. */
interface GradientFlow {
  /** Adds to what is there and leaves it there. */
  GradientFlow ADDS = of(false);

  /** Begins anew and leaves the gradients there. */
  GradientFlow STARTS = of(true);

  /** Whether gradients of the model's matrices are overwritten; all others are added to. */
  boolean overwrites();

  /**
   * The gradients of some rows are whole, and their weights are read no more in this pass.
   *
   * @param rows of the head, of one layer, of the last norm or of the embedding; may be none
   */
  void complete(List<TrainedRows> rows);

  private static GradientFlow of(boolean overwrites) {
    return new GradientFlow() {
      @Override
      public boolean overwrites() {
        return overwrites;
      }

      @Override
      public void complete(List<TrainedRows> rows) {}
    };
  }
}
