package dev.eeve.kernels;

/**
 * A view of {@code rows × columns} floats, row-major and dense, inside an array: activations and
 * their gradients.
 *
 * @param data the array
 * @param offset index of element (0, 0)
 * @param rows number of rows, 0 or more
 * @param columns number of columns, at least 1
 */
public record FloatMatrix(float[] data, int offset, int rows, int columns) {
  /** Checks that the view lies inside its array. */
  public FloatMatrix {
    if (rows < 0 || columns < 1 || offset < 0) {
      throw new IllegalArgumentException(
          "matrix: offset " + offset + ", shape (" + rows + ", " + columns + "), needed 0 or more");
    }
    if (offset + (long) rows * columns > data.length) {
      throw new IllegalArgumentException(
          "matrix: (%d, %d) from %d, the array holds %d floats"
              .formatted(rows, columns, offset, data.length));
    }
  }

  /**
   * A new matrix of zeros.
   *
   * @param rows number of rows
   * @param columns number of columns
   * @return a view of a new array of exactly that size
   */
  public static FloatMatrix allocate(int rows, int columns) {
    return new FloatMatrix(new float[Math.multiplyExact(rows, columns)], 0, rows, columns);
  }

  /**
   * Index of the first element of a row.
   *
   * @param row the row
   * @return an index into {@link #data}
   */
  public int index(int row) {
    return offset + row * columns;
  }

  /**
   * A view of some rows of this one.
   *
   * @param from first row
   * @param count number of rows
   * @return the view
   */
  public FloatMatrix rows(int from, int count) {
    if (from < 0 || count < 0 || from + count > rows) {
      throw new IllegalArgumentException(
          "rows: %d from %d, the matrix has %d".formatted(count, from, rows));
    }
    return new FloatMatrix(data, index(from), count, columns);
  }

  /** Refuses a shape other than the one an operation needs; {@code name} is the argument. */
  void require(String name, int needRows, int needColumns) {
    if (rows != needRows || columns != needColumns) {
      throw new IllegalArgumentException(
          "%s: (%d, %d), needed (%d, %d)".formatted(name, rows, columns, needRows, needColumns));
    }
  }
}
