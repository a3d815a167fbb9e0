package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("brief")
class EmbeddingTest {
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void eachIdGivesItsRow(ElementType type) {
    for (int columns : new int[] {1, 3, 4, 17, 80}) {
      try (Arena arena = Arena.ofConfined()) {
        float[] values = new RandomData(columns).floats(70 * columns, type);
        Weights weights = RandomData.weights(arena, type, 70, columns, values);
        int[] ids = {-1, 0, 69, 31, 32, 32, 15, 16};
        Canary out = new Canary(7, columns);
        Embedding.forward(out.matrix, ids, 1, weights);
        float[] rows = out.values();
        for (int i = 0; i < rows.length; i++) {
          assertEquals(values[ids[1 + i / columns] * columns + i % columns], rows[i]);
        }
        Refusal.of(
            "ids: -1 at 0, needed 0 to 69", () -> Embedding.forward(out.matrix, ids, 0, weights));
        Refusal.of(
            "ids: 70 at 0, needed 0 to 69",
            () -> Embedding.forward(out.matrix.rows(0, 1), new int[] {70}, 0, weights));
      }
    }
  }

  @Test
  void aStretchOfTheMatrixGivesItsOwnRowsAndLeavesTheOthers() {
    int[] ids = new int[40];
    Arrays.setAll(ids, i -> i * 37 % 70);
    float[] values = new RandomData(4).floats(70 * 33, ElementType.BF16);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(3);
        Workers workers = pool.workers()) {
      Weights weights = RandomData.weights(arena, ElementType.BF16, 70, 33, values);
      FloatMatrix expected = FloatMatrix.allocate(40, 33);
      Embedding.forward(expected, ids, 0, weights);
      Canary out = new Canary(40, 33);
      Embedding.forward(workers, out.matrix, ids, weights.rows(32, 38), 32);
      for (int r = 0; r < 40; r++) {
        float first = out.matrix.data()[out.matrix.index(r)];
        assertEquals(ids[r] < 32, Float.isNaN(first), "row " + r + ", id " + ids[r]);
      }
      Embedding.forward(workers, out.matrix, ids, weights.rows(0, 32), 0);
      assertArrayEquals(expected.data(), out.values());
    }
  }
}
