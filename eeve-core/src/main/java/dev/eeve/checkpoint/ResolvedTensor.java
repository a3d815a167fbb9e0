package dev.eeve.checkpoint;

import java.util.List;

/**
 * Where one of the model's tensors is: rows of a tensor in a file, all of them unless the file
 * fuses several.
 *
 * @param name the model's tensor, in the current Hugging Face layout
 * @param source the file's tensor
 * @param firstRow the first of its rows
 * @param rows how many
 */
public record ResolvedTensor(String name, TensorInfo source, long firstRow, long rows) {
  /**
   * Its own shape, which a fused source does not have.
   *
   * @return outermost first
   */
  public List<Long> shape() {
    return source.shape().size() == 1 ? List.of(rows) : List.of(rows, source.columns());
  }

  /**
   * Where its bytes begin in the source.
   *
   * @return in bytes
   */
  public long byteOffset() {
    return firstRow * source.rowBytes();
  }

  /**
   * What it holds.
   *
   * @return in elements
   */
  public long elements() {
    return rows * source.columns();
  }

  /**
   * The space it takes.
   *
   * @return in bytes
   */
  public long byteSize() {
    return rows * source.rowBytes();
  }
}
