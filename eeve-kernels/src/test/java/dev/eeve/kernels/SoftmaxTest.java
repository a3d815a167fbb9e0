package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class SoftmaxTest {
  @Test
  void probabilitiesAreWithinTheRoundingOfTheirExponents() {
    for (int size : new int[] {1, 2, 15, 16, 17, 33, 100, 5000}) {
      float[] values = new RandomData(size).floats(size + 10, ElementType.F32);
      float[] before = values.clone();
      Softmax.forward(values, 5, 5 + size);
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 5; i < 5 + size; i++) {
        max = Math.max(max, before[i]);
      }
      double sum = 0;
      for (int i = 5; i < 5 + size; i++) {
        sum += Math.exp(before[i] - max);
      }
      for (int i = 0; i < values.length; i++) {
        if (i < 5 || i >= 5 + size) {
          assertEquals(before[i], values[i], "beside the range");
          continue;
        }
        double expected = Math.exp(before[i] - max) / sum;
        // e^x to 2e-7 above and below the line, and its exponent rounded once.
        double bound = expected * (5e-7 + 0x1p-24 * Math.abs(before[i] - max));
        assertEquals(expected, values[i], bound, i + " of " + size);
      }
    }
  }

  @Test
  void minusInfinityHasNoProbability() {
    float[] values = new float[20];
    Arrays.fill(values, Float.NEGATIVE_INFINITY);
    values[3] = 2f;
    values[19] = 2f;
    Softmax.forward(values, 0, 20);
    float[] expected = new float[20];
    expected[3] = 0.5f;
    expected[19] = 0.5f;
    assertArrayEquals(expected, values);
  }

  @Test
  void argmaxTiesGoToTheLowestIndex() {
    float[] values = {9f, 1f, 5f, 5f, -0f, 5f, 9f};
    assertEquals(1, Argmax.of(values, 1, 6));
    assertEquals(0, Argmax.of(values, 0, 7));
    assertEquals(0, Argmax.of(new float[] {-0f, 0f}, 0, 2));
    assertEquals(0, Argmax.of(new float[] {0f, -0f}, 0, 2));
  }

  @Test
  void argmaxFindsTheOnlyLargestWhereverItStands() {
    float[] values = new RandomData(4).floats(70, ElementType.F32);
    for (int i = 0; i < values.length; i++) {
      float kept = values[i];
      values[i] = 100f;
      assertEquals(i, Argmax.of(values, 0, values.length));
      values[i] = Float.NaN;
      assertEquals(-1, Argmax.of(values, 0, values.length));
      values[i] = kept;
    }
  }

  @Test
  void argmaxOfInfinitiesAndOfNothingIsDefined() {
    float none = Float.NEGATIVE_INFINITY;
    assertEquals(0, Argmax.of(new float[] {none, none}, 0, 2));
    assertEquals(1, Argmax.of(new float[] {none, -Float.MAX_VALUE}, 0, 2));
    assertEquals(1, Argmax.of(new float[] {0f, Float.POSITIVE_INFINITY}, 0, 2));
    assertEquals(-1, Argmax.of(new float[] {1f}, 1, 1));
  }
}
