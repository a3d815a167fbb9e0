package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Storage of the block types: {@link WeightsTest}'s questions, in whole blocks. */
@Tag("brief")
class BlockWeightsTest {
  private static final int[] COLUMNS = {32, 64, 96, 160};
  private static final int[] ROWS = {1, 15, 17, 32, 33, 64, 70, 130};

  private static float[] rows(Weights weights) {
    float[] all = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, all, r * weights.columns());
    }
    return all;
  }

  /** Blocks of any codes and of scales of both signs, subnormal ones among them. */
  private static MemorySegment blocks(Arena arena, ElementType type, int count, long seed) {
    Random random = new Random(seed);
    byte[] bytes = new byte[(int) type.byteSize(count)];
    random.nextBytes(bytes);
    MemorySegment blocks = arena.allocate(bytes.length);
    MemorySegment.copy(bytes, 0, blocks, ValueLayout.JAVA_BYTE, 0, bytes.length);
    int block = type.blocks().orElseThrow().bytes();
    for (int at = 0; at < bytes.length; at += block) {
      short scale = (short) (random.nextInt() & 0xBFFF); // no NaN, no infinity
      blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, random.nextInt(8) == 0 ? 1 : scale);
    }
    return blocks;
  }

  private static float[] dequantized(ElementType type, MemorySegment blocks, int count) {
    float[] values = new float[count];
    BlockDequantizer.dequantize(type.blocks().orElseThrow(), values, 0, count, blocks, 0);
    return values;
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void blocksOfAFileKeepTheirBits(ElementType type) {
    try (Arena arena = Arena.ofConfined()) {
      for (int n : ROWS) {
        for (int k : COLUMNS) {
          MemorySegment source = blocks(arena, type, n * k, n * 1000L + k);
          Weights weights = Weights.allocate(arena, type, n, k);
          assertEquals(-1, weights.put(0, n, source, type));
          assertArrayEquals(dequantized(type, source, n * k), rows(weights), n + "x" + k);
          MemorySegment copy = arena.allocate(source.byteSize());
          weights.copyRows(0, n, copy);
          assertEquals(-1, source.mismatch(copy), n + "x" + k);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void otherTypesAreQuantizedAsTheReferenceDoes(ElementType type) {
    try (Arena arena = Arena.ofConfined()) {
      for (ElementType from : ElementType.values()) {
        if (from == type) {
          continue;
        }
        int n = 70;
        int k = 96;
        float[] values = new RandomData(k).floats(n * k, from);
        Weights weights = Weights.allocate(arena, type, n, k);
        assertEquals(-1, weights.put(0, n, RandomData.rowMajor(arena, from, values), from));
        MemorySegment expected = RandomData.rowMajor(arena, type, values);
        MemorySegment copy = arena.allocate(expected.byteSize());
        weights.copyRows(0, n, copy);
        assertEquals(-1, expected.mismatch(copy), from + " to " + type);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void blocksBecomeOtherTypesByWayOfFp32(ElementType from) {
    try (Arena arena = Arena.ofConfined()) {
      int n = 70;
      int k = 64;
      float[] values = new RandomData(1).floats(n * k, from);
      Weights weights = Weights.allocate(arena, ElementType.F32, n, k);
      assertEquals(-1, weights.put(0, n, RandomData.rowMajor(arena, from, values), from));
      assertArrayEquals(values, rows(weights));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void rowsPutAFewAtATimeLeaveTheirNeighboursAlone(ElementType type) {
    int n = 140;
    int k = 64;
    try (Arena arena = Arena.ofConfined()) {
      float[] values = new RandomData(9).floats(n * k, type);
      for (int step : new int[] {1, 5, 31, 33, 65}) {
        Weights weights = Weights.allocate(arena, type, n, k);
        for (int end = n; end > 0; end -= step) {
          int first = Math.max(0, end - step);
          float[] part = Arrays.copyOfRange(values, first * k, end * k);
          weights.put(first, end - first, RandomData.rowMajor(arena, type, part), type);
        }
        assertArrayEquals(values, rows(weights), "step " + step);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void aViewOfRowsSharesTheMemory(ElementType type) {
    int k = 64;
    try (Arena arena = Arena.ofConfined()) {
      float[] values = new RandomData(1).floats(150 * k, type);
      Weights weights = RandomData.weights(arena, type, 150, k, values);
      for (int first : new int[] {32, 64, 96, 128}) {
        float[] own = Arrays.copyOfRange(values, first * k, 150 * k);
        assertArrayEquals(own, rows(weights.rows(first, 150 - first)), "from " + first);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void widenedPanelsAreTheExactValues(ElementType type) {
    int n = 70;
    int k = 160;
    try (Arena arena = Arena.ofConfined()) {
      Weights weights = Weights.allocate(arena, type, n, k);
      weights.put(0, n, blocks(arena, type, n * k, 4), type);
      float[] all = rows(weights);
      for (int panel = 0; panel < weights.panels(); panel++) {
        for (int first : new int[] {0, 1, 31, 32, 50, 96}) {
          for (int width : new int[] {1, 14, 32, 64, 110}) {
            if (first + width > k) {
              continue;
            }
            float[] block = new float[width * 32];
            ScalarProduct.widen(weights, panel, first, first + width, block);
            for (int i = 0; i < width * weights.rowsOf(panel); i++) {
              int row = panel * 32 + i / width;
              int column = i % width;
              assertEquals(all[row * k + first + column], block[column * 32 + i / width]);
            }
            if (Simd.VECTOR && first % 32 == 0 && width % 32 == 0) {
              float[] strip = new float[width * 32 + 1];
              VectorWidening.strip(strip, 1, weights, panel, first, width, new Scratch());
              for (int i = 0; i < width * 32; i++) {
                int c = i % 32;
                int tile = VectorTile.COLUMNS;
                int at = 1 + c / tile * tile * width + i / 32 * tile + c % tile;
                assertEquals(block[i], strip[at], first + " " + width);
              }
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void whatIsOrBecomesNotFiniteIsFoundWhereItStands(ElementType type) {
    int n = 70;
    int k = 64;
    try (Arena arena = Arena.ofConfined()) {
      for (int at : new int[] {0, 63, 64, 65 * k + 40, n * k - 1}) {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, 3e38f}) {
          float[] values = new RandomData(at).floats(n * k, ElementType.F32);
          values[at] = bad;
          Weights weights = Weights.allocate(arena, type, n, k);
          MemorySegment source = RandomData.rowMajor(arena, ElementType.F32, values);
          assertEquals(at, weights.put(0, n, source, ElementType.F32));
        }
      }
      for (int bits : new int[] {0x7C00, 0xFC00, 0x7E01}) {
        MemorySegment source = blocks(arena, type, n * k, 1);
        long bad = 65 * type.byteSize(k) + type.byteSize(32);
        source.set(ValueLayout.JAVA_SHORT_UNALIGNED, bad, (short) bits);
        Weights weights = Weights.allocate(arena, type, n, k);
        assertEquals(65 * k + 32, weights.put(0, n, source, type));
      }
    }
  }

  @Test
  void theSizeIsTheFilesForWholeGroups() {
    assertEquals(64L * 2560 / 32 * 34, Weights.byteSize(ElementType.Q8_0, 64, 2560));
    assertEquals(64L * 2560 / 32 * 18, Weights.byteSize(ElementType.Q4_0, 64, 2560));
    Refusal.of(
        "Q8_0 rows of 33 elements, needed a multiple of 32",
        () -> Weights.byteSize(ElementType.Q8_0, 1, 33));
    assertEquals(ElementType.F16, ElementType.Q4_0.forColumns(200));
    assertEquals(ElementType.Q4_0, ElementType.Q4_0.forColumns(96));
    assertEquals(ElementType.BF16, ElementType.BF16.forColumns(200));
  }
}
