package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Tag;
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
}
