package dev.eeve.training;

import dev.eeve.kernels.ElementType;
import java.util.List;

/**
 * A tensor of a model that can be trained, by its name in the current Hugging Face layout. A bias
 * has a row for each of its elements, so that a range of rows means the same for a weight and its
 * bias.
 *
 * @param name as {@code model.layers.7.self_attn.q_proj.weight}
 * @param shape (N, K) for a matrix, (N) for a vector
 * @param type how a frozen matrix is kept in memory; vectors are always kept as F32
 */
public record Parameter(String name, List<Integer> shape, ElementType type) {
  /** Keeps its own copy of the shape. */
  public Parameter {
    shape = List.copyOf(shape);
    if (shape.isEmpty() || shape.size() > 2) {
      throw new IllegalArgumentException(name + ": shape " + shape + ", needed one or two sizes");
    }
  }

  /**
   * Whether it is a bias or belongs to a norm.
   *
   * @return false for a matrix
   */
  public boolean isVector() {
    return shape.size() == 1;
  }

  /**
   * Rows that can be trained apart from the others.
   *
   * @return N
   */
  public int rows() {
    return shape.getFirst();
  }

  /**
   * Elements of a row.
   *
   * @return K for a matrix, 1 for a vector
   */
  public int columns() {
    return isVector() ? 1 : shape.getLast();
  }

  /**
   * Elements of all rows.
   *
   * @return rows × columns
   */
  public long size() {
    return (long) rows() * columns();
  }
}
