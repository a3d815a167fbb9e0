package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class RotaryEmbeddingTest {
  @Test
  void pairsOfTheFirstDimensionsTurnByTheirPositionsAngle() {
    int[][] sizes = {{32, 80}, {2, 2}, {16, 16}, {4, 5}, {10, 33}};
    for (int[] size : sizes) {
      int rotary = size[0];
      int headSize = size[1];
      RotaryEmbedding embedding = new RotaryEmbedding(rotary, headSize, 10_000, 40_000);
      for (int first : new int[] {0, 1, 2043, 8190, 39_995, 8190}) {
        FloatMatrix in = new RandomData(first).matrix(5, 3 * headSize);
        Canary x = new Canary(5, 3 * headSize);
        System.arraycopy(in.data(), in.offset(), x.matrix.data(), x.matrix.offset(), 15 * headSize);
        embedding.forward(x.matrix, first);
        float[] out = x.values();
        for (int i = 0; i < out.length; i++) {
          int head = i / headSize * headSize;
          int d = i % headSize;
          int half = rotary / 2;
          float own = in.data()[in.offset() + i];
          if (d >= rotary) {
            assertEquals(own, out[i]);
            continue;
          }
          float other = in.data()[in.offset() + head + (d + half) % rotary];
          int pair = d % half;
          // The reference's frequency and angle are fp32 too.
          float frequency = (float) (1 / Math.pow(10_000, 2.0 * pair / rotary));
          float angle = (first + i / (3 * headSize)) * frequency;
          double expected = own * Math.cos(angle) + (d < half ? -other : other) * Math.sin(angle);
          double bound = 4 * 0x1p-24 * (Math.abs(own) + Math.abs(other));
          assertEquals(expected, out[i], bound, rotary + " of " + headSize + ", element " + i);
        }
      }
    }
  }

  @Test
  void positionZeroAndNoRotaryDimensionsChangeNothing() {
    FloatMatrix in = new RandomData(1).matrix(1, 160);
    float[] before = Arrays.copyOfRange(in.data(), in.offset(), in.offset() + 160);
    new RotaryEmbedding(32, 80, 10_000, 8).forward(in, 0);
    new RotaryEmbedding(0, 80, 10_000, 8).forward(in, 7);
    assertArrayEquals(before, Arrays.copyOfRange(in.data(), in.offset(), in.offset() + 160));
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    RotaryEmbedding embedding = new RotaryEmbedding(4, 8, 10_000, 16);
    FloatMatrix x = FloatMatrix.allocate(2, 8);
    Refusal.of(
        "x: (2, 7), needed columns in heads of 8",
        () -> embedding.forward(FloatMatrix.allocate(2, 7), 0));
    Refusal.of("position: 2 rows from 15, the angles reach to 16", () -> embedding.forward(x, 15));
    Refusal.of(
        "rotarySize: 3, needed an even number of at most 8",
        () -> new RotaryEmbedding(3, 8, 10_000, 16));
  }
}
