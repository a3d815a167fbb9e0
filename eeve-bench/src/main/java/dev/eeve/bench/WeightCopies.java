package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Random weight matrices, several with the same values. */
final class WeightCopies {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private WeightCopies() {}

  static List<Weights> of(
      Arena arena, ElementType type, Shape.Matrix matrix, int copies, SplittableRandom random) {
    int columns = matrix.columns();
    List<Weights> all = new ArrayList<>();
    for (int i = 0; i < copies; i++) {
      all.add(Weights.allocate(arena, type.forColumns(columns), matrix.rows(), columns));
    }
    double scale = 1 / Math.sqrt(columns);
    try (Arena strips = Arena.ofConfined()) {
      MemorySegment strip = strips.allocate(4L * Weights.GROUP_ROWS * columns);
      for (int first = 0; first < matrix.rows(); first += Weights.GROUP_ROWS) {
        int count = Math.min(Weights.GROUP_ROWS, matrix.rows() - first);
        fill(strip, count * columns, random, scale);
        for (Weights weights : all) {
          weights.put(first, count, strip, ElementType.F32);
        }
      }
    }
    return all;
  }

  private static void fill(MemorySegment strip, int count, SplittableRandom random, double scale) {
    for (int i = 0; i < count; i += 2) {
      long bits = random.nextLong(); // a float from each half
      strip.set(FLOAT, 4L * i, (float) ((int) bits * 0x1p-31 * scale));
      if (i + 1 < count) {
        strip.set(FLOAT, 4L * i + 4, (float) ((int) (bits >>> 32) * 0x1p-31 * scale));
      }
    }
  }
}
