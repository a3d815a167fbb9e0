package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class BlockMomentsTest {
  private static AdamW.Step step(int number, double rate) {
    return new AdamW.Step(number, rate, 0.9, 0.95, 1e-8, 0.1, 0.5);
  }

  @Test
  void codesAreNearTheirNumbersOverSevenDecadesAndKeepZeroOneAndSigns() {
    Random random = new Random(1);
    for (DynamicCode code : List.of(DynamicCode.SIGNED, DynamicCode.UNSIGNED)) {
      double bin = 0.9 / (code.signed ? 64 : 128);
      for (int i = 0; i < 100_000; i++) {
        float x = (float) Math.pow(10, -7.5 * random.nextDouble());
        double found = code.numbers[code.encode(x, 1)];
        double decade = Math.pow(10, Math.ceil(Math.log10(x)));
        double allowed = decade * bin * Math.pow(2, -Math.log10(decade)); // half as many a decade
        assertTrue(Math.abs(found - x) <= 1.02 * Math.max(allowed, 3.3e-7), x + " is " + found);
      }
      assertEquals(0f, code.numbers[code.encode(0, 1)]);
      assertEquals(1f, code.numbers[code.encode(3, 1 / 3f)]);
      for (int c = 0; c < 256; c++) {
        assertEquals(code.numbers[c], code.numbers[code.encode(code.numbers[c], 1)], "code " + c);
      }
    }
    assertEquals(-1f, DynamicCode.SIGNED.numbers[DynamicCode.SIGNED.encode(-3, 1 / 3f)]);
    assertTrue(DynamicCode.UNSIGNED.numbers[DynamicCode.UNSIGNED.encode(1e-20f, 1)] > 0);
  }

  @Test
  void vectorCodesAreTheScalarOnes() {
    assumeTrue(Simd.VECTOR, "no vector kernels in this JVM");
    float[] values = new float[256];
    Random random = new Random(2);
    for (int i = 0; i < 256; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, -8 * random.nextDouble()));
    }
    values[3] = 0;
    values[4] = -0f;
    for (DynamicCode code : List.of(DynamicCode.SIGNED, DynamicCode.UNSIGNED)) {
      if (!code.signed) {
        for (int i = 0; i < 256; i++) {
          values[i] = Math.abs(values[i]);
        }
      }
      float largest = VectorDynamicCode.largest(values, 0, 256, new float[16]);
      float expected = 0;
      for (float value : values) {
        expected = Math.max(expected, Math.abs(value));
      }
      assertEquals(expected, largest);
      int[] codes = new int[256];
      VectorDynamicCode.encode(code, codes, values, 0, 256, 1 / largest);
      for (int i = 0; i < 256; i++) {
        assertEquals(code.encode(values[i], 1 / largest), codes[i], "of " + values[i]);
      }
    }
  }

  /** Parameters and moments after some updates, at some number of threads. */
  private static List<byte[]> updated(ElementType type, int rows, int columns, int threads) {
    try (WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers();
        Arena arena = Arena.ofShared()) {
      RandomData random = new RandomData(rows * 1000L + columns);
      int size = rows * columns;
      Weights p = RandomData.weights(arena, type, rows, columns, random.floats(size, type));
      BlockMoments moments = BlockMoments.allocate(arena, rows, columns);
      for (int t = 1; t <= 3; t++) {
        float[] g = random.floats(size, ElementType.F32);
        Weights gradient = RandomData.weights(arena, ElementType.F32, rows, columns, g);
        assertTrue(AdamW.step(workers, p, moments, gradient, step(t, 0.01), 7 * t));
      }
      List<byte[]> all = new ArrayList<>();
      all.add(p.memory.toArray(ValueLayout.JAVA_BYTE));
      for (MemorySegment segment : moments.memory()) {
        all.add(segment.toArray(ValueLayout.JAVA_BYTE));
      }
      return all;
    }
  }

  @Test
  void updatesAreTheSameBitsAtAnyNumberOfThreads() {
    for (int[] shape : new int[][] {{1, 1}, {33, 17}, {31, 100}, {70, 515}, {97, 8}}) {
      for (ElementType type : List.of(ElementType.F32, ElementType.BF16)) {
        List<byte[]> one = updated(type, shape[0], shape[1], 1);
        for (int threads : new int[] {2, 3, 8}) {
          List<byte[]> many = updated(type, shape[0], shape[1], threads);
          for (int i = 0; i < one.size(); i++) {
            assertTrue(Arrays.equals(one.get(i), many.get(i)), type + " part " + i);
          }
        }
      }
    }
  }

  /** The build runs this with scalar kernels, vectors of each length and interpreted. */
  @Test
  @Tag("bits")
  void everyKernelGivesTheKnownBits() {
    CRC32C crc = new CRC32C();
    for (int[] shape : new int[][] {{1, 1}, {33, 17}, {70, 39}}) {
      for (ElementType type : List.of(ElementType.F32, ElementType.BF16)) {
        updated(type, shape[0], shape[1], 2).forEach(crc::update);
      }
    }
    assertEquals(1743043443L, crc.getValue());
  }

  /** How two ways from one start differ. */
  private record Difference(double relative, double longestOfSmall) {}

  /**
   * Updates with 8-bit moments beside those with fp32 ones. Element i's gradients are normal with a
   * deviation of its own, spread evenly over so many decades.
   *
   * @return the root mean square of the differences by that of the way with fp32 moments; and the
   *     longest way with 8-bit moments of an element whose deviation is below 1e-5
   */
  private static Difference difference(int rows, int columns, double decades, double beta2) {
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers();
        Arena arena = Arena.ofShared()) {
      Random random = new Random(5);
      int size = rows * columns;
      float[] deviations = new float[size];
      for (int i = 0; i < size; i++) {
        deviations[i] = (float) Math.pow(10, -decades * random.nextDouble());
      }
      Weights p = Weights.allocate(arena, ElementType.F32, rows, columns);
      Weights q = Weights.allocate(arena, ElementType.F32, rows, columns);
      Weights m = Weights.allocate(arena, ElementType.F32, rows, columns);
      Weights v = Weights.allocate(arena, ElementType.F32, rows, columns);
      BlockMoments moments = BlockMoments.allocate(arena, rows, columns);
      for (int t = 1; t <= 50; t++) {
        float[] g = new float[size];
        for (int i = 0; i < size; i++) {
          g[i] = deviations[i] * (float) (0.5 + random.nextGaussian());
        }
        Weights gradient = RandomData.weights(arena, ElementType.F32, rows, columns, g);
        AdamW.Step step = new AdamW.Step(t, 0.01, 0.9, beta2, 1e-8, 0, 1);
        AdamW.step(workers, p, m, v, gradient, step);
        AdamW.step(workers, q, moments, gradient, step, t);
      }
      double error = 0;
      double way = 0;
      double longest = 0;
      float[] a = new float[columns];
      float[] b = new float[columns];
      for (int r = 0; r < rows; r++) {
        p.row(r, a, 0);
        q.row(r, b, 0);
        for (int k = 0; k < columns; k++) {
          error += Math.pow(a[k] - (double) b[k], 2);
          way += Math.pow(a[k], 2);
          if (deviations[r * columns + k] < 1e-5) {
            longest = Math.max(longest, Math.abs(b[k]));
          }
        }
      }
      return new Difference(Math.sqrt(error / way), longest);
    }
  }

  /**
   * A code stands for its bin's middle. Seen from x, a share of the block's largest, half a bin is
   * 0.4 to 3.5 % of a second moment down to 0.1, twice that down to 0.01 and so on, and of a first
   * moment twice that again; the root halves the second's. Averaged, the update's error is some 3 %
   * where a block's gradients are alike, and grows with their spread.
   */
  @Test
  void updatesAreCloseToThoseOfFp32MomentsWhereABlocksGradientsSpreadOverAFewDecades() {
    for (double beta2 : new double[] {0.95, 0.999}) {
      for (int[] shape : new int[][] {{33, 17}, {31, 100}, {97, 8}}) {
        double[] bounds = {0.03, 0.06, 0.12};
        for (int decades = 0; decades < bounds.length; decades++) {
          double found = difference(shape[0], shape[1], decades, beta2).relative();
          assertTrue(found < bounds[decades], decades + " decades, beta2 " + beta2 + ": " + found);
        }
      }
    }
  }

  /**
   * Second moments past the last decade count as its least number, never as 0: elements five
   * decades below their block's largest gradient hardly move, where 50 updates of 0.01 are a way of
   * 0.5.
   */
  @Test
  void elementsTooSmallForTheirBlockAreUpdatedLessNotMore() {
    assertTrue(difference(31, 100, 10, 0.95).longestOfSmall() < 0.025);
    assertTrue(difference(31, 100, 10, 0.999).longestOfSmall() < 0.025);
  }

  @Test
  void roundingByChanceKeepsTheMeanOfUpdatesThatNearestWouldLose() {
    int rows = 64;
    int columns = 64;
    try (WorkerPool pool = new WorkerPool(2);
        Workers workers = pool.workers();
        Arena arena = Arena.ofShared()) {
      float[] ones = new float[rows * columns];
      Arrays.fill(ones, 1f);
      Weights p = RandomData.weights(arena, ElementType.BF16, rows, columns, ones);
      Weights gradient = RandomData.weights(arena, ElementType.F32, rows, columns, ones);
      BlockMoments moments = BlockMoments.allocate(arena, rows, columns);
      for (int t = 1; t <= 100; t++) { // each update is 1e-4, a step of bfloat16 below 1 is 3.9e-3
        AdamW.Step step = new AdamW.Step(t, 1e-4, 0.9, 0.95, 1e-8, 0, 1);
        AdamW.step(workers, p, moments, gradient, step, 1000 + t);
      }
      double sum = 0;
      float[] row = new float[columns];
      for (int r = 0; r < rows; r++) {
        p.row(r, row, 0);
        for (float value : row) {
          sum += value;
        }
      }
      assertEquals(0.99, sum / rows / columns, 3e-4);
    }
  }

  @Test
  void theScalarRoundingIsTheVectorsAndOverflowIsTold() {
    assumeTrue(Simd.VECTOR, "no vector kernels in this JVM");
    RandomData random = new RandomData(9);
    float[] values = random.floats(32 * 5, ElementType.F32);
    int[] vector = new int[5 * 32];
    int[] scalar = new int[5 * 32];
    assertTrue(VectorStochasticRounding.narrow(vector, 16, 32, values, 5, 77, 123));
    int place = 123;
    for (int line = 0; line < 5; line++) {
      for (int j = 0; j < 16; j++) {
        int bits = StochasticRounding.bits(77, place++);
        int low = Float.floatToRawIntBits(values[line * 32 + j]) + (bits & 0xFFFF) >>> 16;
        int high = Float.floatToRawIntBits(values[line * 32 + 16 + j]) + (bits >>> 16);
        scalar[16 + line * 32 + j] = low | high & 0xFFFF0000;
      }
    }
    assertTrue(Arrays.equals(scalar, vector));
    values[40] = Float.MAX_VALUE;
    assertFalse(StochasticRounding.narrow(scalar, 0, 32, values, 5, 77, 5));
    values[40] = Float.NaN;
    assertFalse(StochasticRounding.narrow(scalar, 0, 32, values, 5, 77, 5));
  }

  @Test
  void wrongShapesNameTheArgument() {
    try (WorkerPool pool = new WorkerPool(1);
        Workers workers = pool.workers();
        Arena arena = Arena.ofConfined()) {
      Weights f32 = Weights.allocate(arena, ElementType.F32, 2, 3);
      Weights half = Weights.allocate(arena, ElementType.F16, 2, 3);
      BlockMoments moments = BlockMoments.allocate(arena, 2, 3);
      BlockMoments other = BlockMoments.allocate(arena, 3, 2);
      Refusal.of(
          "parameter: F16 (2, 3), needed F32 or BF16 (2, 3) from a whole line on",
          () -> AdamW.step(workers, half, moments, f32, step(1, 1), 1));
      Refusal.of(
          "moments: (3, 2), needed (2, 3)",
          () -> AdamW.step(workers, f32, other, f32, step(1, 1), 1));
    }
  }
}
