package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class WeightsTest {
  private static final int[] COLUMNS = {1, 2, 3, 4, 5, 16, 67, 515};
  private static final ElementType[] PLAIN = {ElementType.F32, ElementType.F16, ElementType.BF16};
  private static final int[] ROWS = {1, 15, 16, 17, 32, 33, 70};

  static Stream<Arguments> typePairs() {
    return Stream.of(PLAIN).flatMap(from -> Stream.of(PLAIN).map(to -> Arguments.of(from, to)));
  }

  private static float rounded(float value, ElementType type) {
    return switch (type) {
      case F32 -> value;
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> Weights.widen(Weights.floatToBfloat16(value), type);
      case Q8_0, Q4_0 -> throw new AssertionError("see BlockWeightsTest");
    };
  }

  private static float[] rows(Weights weights) {
    float[] all = new float[weights.rows() * weights.columns()];
    for (int r = 0; r < weights.rows(); r++) {
      weights.row(r, all, r * weights.columns());
    }
    return all;
  }

  @ParameterizedTest
  @MethodSource("typePairs")
  void rowsComeBackAsTheNearestValueOfTheirType(ElementType from, ElementType to) {
    try (Arena arena = Arena.ofConfined()) {
      for (int n : ROWS) {
        for (int k : COLUMNS) {
          float[] values = new RandomData(n * 1000L + k).floats(n * k, from);
          Weights weights = Weights.allocate(arena, to, n, k);
          assertEquals(-1, weights.put(0, n, RandomData.rowMajor(arena, from, values), from));
          float[] expected = new float[values.length];
          for (int i = 0; i < values.length; i++) {
            expected[i] = rounded(values[i], to);
          }
          assertArrayEquals(expected, rows(weights), n + "x" + k);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void copiedRowsAreTheBytesThatWerePut(ElementType type) {
    try (Arena arena = Arena.ofConfined()) {
      for (int n : ROWS) {
        for (int k : COLUMNS) {
          MemorySegment source =
              RandomData.rowMajor(arena, type, new RandomData(n + k).floats(n * k, type));
          Weights weights = Weights.allocate(arena, type, n, k);
          weights.put(0, n, source, type);
          MemorySegment copy = arena.allocate(source.byteSize());
          weights.copyRows(0, n, copy);
          assertEquals(-1, source.mismatch(copy), n + "x" + k);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void rowsPutOneByOneOrFewAtATimeLeaveTheirNeighboursAlone(ElementType type) {
    int n = 70;
    int k = 37;
    try (Arena arena = Arena.ofConfined()) {
      float[] values = new RandomData(9).floats(n * k, type);
      for (int step : new int[] {1, 5, 16, 31, 33}) {
        Weights weights = Weights.allocate(arena, type, n, k);
        for (int end = n;
            end > 0;
            end -= step) { // from the last, so that each strip has a later one
          int first = Math.max(0, end - step);
          float[] part = Arrays.copyOfRange(values, first * k, end * k);
          weights.put(first, end - first, RandomData.rowMajor(arena, type, part), type);
        }
        assertArrayEquals(values, rows(weights), "step " + step);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("typePairs")
  void whatIsOrBecomesNotFiniteIsFoundWhereItStands(ElementType from, ElementType to) {
    int n = 40;
    int k = 77;
    float[] bad =
        from == ElementType.F32 && to == ElementType.F16
            ? new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 65_520f}
            : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    try (Arena arena = Arena.ofConfined()) {
      for (int at : new int[] {0, 76, 77, 20 * k + 3, 33 * k + 70, n * k - 1}) {
        for (float value : bad) {
          float[] values = new RandomData(at).floats(n * k, from);
          values[at] = value;
          Weights weights = Weights.allocate(arena, to, n, k);
          assertEquals(at, weights.put(0, n, RandomData.rowMajor(arena, from, values), from));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void everyNanOfTheFileIsRefused(ElementType to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocate(4);
      Weights weights = Weights.allocate(arena, to, 1, 1);
      for (int bits : new int[] {0x7F800001, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF}) {
        one.set(ValueLayout.JAVA_INT, 0, bits);
        assertEquals(0, weights.put(0, 1, one, ElementType.F32), Integer.toHexString(bits));
      }
      for (short bits : new short[] {0x7C01, 0x7FFF, (short) 0xFC01, (short) 0xFFFF}) {
        one.set(ValueLayout.JAVA_SHORT, 0, bits);
        assertEquals(0, weights.put(0, 1, one, ElementType.F16), Integer.toHexString(bits));
      }
    }
  }

  @Test
  void everyFiniteHalfKeepsItsBits() {
    try (Arena arena = Arena.ofConfined()) {
      for (ElementType type : new ElementType[] {ElementType.F16, ElementType.BF16}) {
        for (ElementType kept : new ElementType[] {type, ElementType.F32}) {
          MemorySegment all = arena.allocate(2L << 16);
          int count = 0;
          for (int bits = 0; bits < 1 << 16; bits++) {
            if (Float.isFinite(Weights.widen((short) bits, type))) {
              all.setAtIndex(ValueLayout.JAVA_SHORT, count++, (short) bits);
            }
          }
          Weights weights = Weights.allocate(arena, kept, 1, count);
          assertEquals(-1, weights.put(0, 1, all, type));
          float[] row = new float[count];
          weights.row(0, row, 0);
          for (int i = 0; i < count; i++) {
            float expected = Weights.widen(all.getAtIndex(ValueLayout.JAVA_SHORT, i), type);
            assertEquals(Float.floatToRawIntBits(expected), Float.floatToRawIntBits(row[i]));
          }
        }
      }
    }
  }

  @Test
  void bfloat16RoundsToNearestTiesToEven() {
    assertEquals((short) 0x3F80, Weights.floatToBfloat16(Float.intBitsToFloat(0x3F807FFF)));
    assertEquals((short) 0x3F80, Weights.floatToBfloat16(Float.intBitsToFloat(0x3F808000)));
    assertEquals((short) 0x3F82, Weights.floatToBfloat16(Float.intBitsToFloat(0x3F818000)));
    assertEquals((short) 0x3F81, Weights.floatToBfloat16(Float.intBitsToFloat(0x3F808001)));
    assertEquals((short) 0x7F80, Weights.floatToBfloat16(Float.MAX_VALUE));
    assertTrue(Float.isNaN(Weights.widen(Weights.floatToBfloat16(Float.NaN), ElementType.BF16)));
  }

  @Test
  void aViewOfRowsSharesTheMemory() {
    int k = 9;
    try (Arena arena = Arena.ofConfined()) {
      float[] values = new RandomData(1).floats(100 * k, ElementType.F16);
      Weights weights = RandomData.weights(arena, ElementType.F16, 100, k, values);
      Weights view = weights.rows(64, 36);
      assertArrayEquals(Arrays.copyOfRange(values, 64 * k, 100 * k), rows(view));
      view.put(1, 1, RandomData.rowMajor(arena, ElementType.F16, new float[k]), ElementType.F16);
      float[] row = new float[k];
      weights.row(65, row, 0);
      assertArrayEquals(new float[k], row);
    }
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    try (Arena arena = Arena.ofConfined()) {
      Weights weights = Weights.allocate(arena, ElementType.F32, 40, 3);
      Refusal.of("rows: 2 from 39, the weights have 40", () -> weights.copyRows(39, 2, null));
      Refusal.of("rows: 1 from -1, the weights have 40", () -> weights.row(-1, new float[3], 0));
      Refusal.of(
          "rows: 8 from 8, needed at least 1 from a multiple of 32", () -> weights.rows(8, 8));
      Refusal.of(
          "weights: (0, 3), needed at least (1, 1)", () -> Weights.byteSize(ElementType.F32, 0, 3));
    }
  }

  @Test
  void aMatrixOfMoreThanTwoGigabytesHasItsSize() {
    assertEquals(4L << 40, Weights.byteSize(ElementType.F32, 1 << 20, 1 << 20));
    assertEquals(2L << 40, Weights.byteSize(ElementType.BF16, 1 << 20, 1 << 20));
  }
}
