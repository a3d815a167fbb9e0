package dev.eeve.training;

import dev.eeve.internal.DocumentLines;
import java.io.IOException;
import java.io.UncheckedIOException;
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

  /** Tokens where a JSON file's first line has "input_ids", else text. */
  static Type guess(Path path) {
    if (!DocumentLines.isJson(path)) {
      return Type.TEXT;
    }
    boolean[] tokens = {false};
    try {
      DocumentLines.forEachLine(
          path,
          (line, place) -> {
            tokens[0] = line.contains("\"input_ids\"");
            throw new FirstLine();
          });
    } catch (FirstLine e) {
      return tokens[0] ? Type.TOKENS : Type.TEXT;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Type.TEXT;
  }

  /** Ends reading. */
  private static final class FirstLine extends IOException {
    private static final long serialVersionUID = 1;
  }

  /** Checks the weight. */
  public DataSource {
    if (!(weight > 0 && weight <= 1000)) {
      throw new IllegalArgumentException(
          "datasets: " + path + ": weight " + weight + ", needed more than 0 and at most 1000");
    }
  }
}
