package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;

/** A matrix filled with NaN inside an array of marks: whatever writes beside it is found. */
final class Canary {
  private static final int MARGIN = 11;
  private static final float MARK = 12345.5f;

  final FloatMatrix matrix;

  Canary(int rows, int columns) {
    float[] data = new float[rows * columns + 2 * MARGIN];
    Arrays.fill(data, MARK);
    Arrays.fill(data, MARGIN, data.length - MARGIN, Float.NaN);
    matrix = new FloatMatrix(data, MARGIN, rows, columns);
  }

  /** Gives every element a value, for what is added to. */
  void fill(float value) {
    Arrays.fill(matrix.data(), MARGIN, matrix.data().length - MARGIN, value);
  }

  /** The matrix's values, once the margins are seen to be untouched. */
  float[] values() {
    float[] data = matrix.data();
    for (int i = 0; i < MARGIN; i++) {
      assertEquals(MARK, data[i], "before the matrix");
      assertEquals(MARK, data[data.length - 1 - i], "after the matrix");
    }
    return Arrays.copyOfRange(data, MARGIN, data.length - MARGIN);
  }
}
