package dev.eeve.training;

import dev.eeve.kernels.CrossEntropy;

/**
 * The rows of one pass: documents one after the other, each attending to itself alone, its
 * positions starting at 0. The arrays are not copied.
 *
 * @param ids R token ids
 * @param targets for each row the id that should follow it, or {@link CrossEntropy#IGNORED}
 * @param documents the first row of each document, in ascending order, beginning with 0
 */
public record TrainingBatch(int[] ids, int[] targets, int[] documents) {
  /** Checks lengths and order. */
  public TrainingBatch {
    if (targets.length != ids.length) {
      throw new IllegalArgumentException(
          "targets: " + targets.length + ", needed one for each of " + ids.length + " ids");
    }
    if (documents.length == 0 || documents[0] != 0) {
      throw new IllegalArgumentException("documents: needed at least one, the first at row 0");
    }
    for (int i = 1; i <= documents.length; i++) {
      int end = i == documents.length ? ids.length : documents[i];
      if (end <= documents[i - 1]) {
        throw new IllegalArgumentException(
            "documents: row %d after row %d, needed ascending rows below %d"
                .formatted(end, documents[i - 1], ids.length));
      }
    }
  }

  /**
   * Rows.
   *
   * @return R
   */
  public int rows() {
    return ids.length;
  }

  /**
   * Rows whose target counts.
   *
   * @return how many are not ignored
   */
  public int targetCount() {
    int count = 0;
    for (int target : targets) {
      if (target != CrossEntropy.IGNORED) {
        count++;
      }
    }
    return count;
  }
}
