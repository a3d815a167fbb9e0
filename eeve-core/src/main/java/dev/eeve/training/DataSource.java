package dev.eeve.training;

import java.nio.file.Path;

/**
 * A file of training data, as an entry of {@code datasets}.
 *
 * @param path the file
 * @param type what its lines are
 * @param weight how often an epoch sees each of its sequences; a fraction of sequences, drawn anew
 *     each epoch, for the part after the point
 */
public record DataSource(Path path, Type type, double weight) {
  /** What the lines of a file are. */
  public enum Type {
    /** Documents: text, or "text" in a JSON object. */
    TEXT,
    /** JSON objects with "input_ids" and, if wanted, "labels". */
    TOKENS
  }

  /** Checks the weight. */
  public DataSource {
    if (!(weight > 0 && weight <= 1000)) {
      throw new IllegalArgumentException(
          "datasets: " + path + ": weight " + weight + ", needed more than 0 and at most 1000");
    }
  }
}
