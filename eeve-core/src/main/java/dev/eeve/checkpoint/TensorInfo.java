package dev.eeve.checkpoint;

import java.nio.file.Path;
import java.util.List;

/**
 * A tensor in a file.
 *
 * @param file where it is
 * @param name its name there
 * @param dtype its element type
 * @param shape its dimensions, outermost first; empty for a scalar
 * @param begin its first byte, counted from the start of the file's data section
 * @param end the byte after its last
 */
public record TensorInfo(
    Path file, String name, DType dtype, List<Long> shape, long begin, long end) {
  /** Keeps its own copy of the shape. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /**
   * The space it takes.
   *
   * @return in bytes
   */
  public long byteSize() {
    return end - begin;
  }

  /**
   * The outermost dimension. A vector has a row for each element, so that a range of rows means the
   * same for a weight and its bias.
   *
   * @return 1 for a scalar
   */
  public long rows() {
    return shape.isEmpty() ? 1 : shape.get(0);
  }

  /**
   * The elements of a row.
   *
   * @return 1 for a vector
   */
  public long columns() {
    return shape.stream().skip(1).reduce(1L, (a, b) -> a * b);
  }

  /**
   * The space a row takes.
   *
   * @return in bytes
   */
  public long rowBytes() {
    return dtype.byteSize(columns());
  }

  /**
   * For messages.
   *
   * @return as {@code BF16 (58944, 2560)}
   */
  public String describe() {
    return dtype + " " + TensorSpec.describe(shape);
  }

  CheckpointException failure(String detail) {
    return new CheckpointException(file, name, detail);
  }
}
