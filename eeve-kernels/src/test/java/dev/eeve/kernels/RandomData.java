package dev.eeve.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Seeded inputs for tests. */
final class RandomData {
  private final Random random;

  RandomData(long seed) {
    random = new Random(seed);
  }

  /** Values about one, exactly representable in a type. */
  float[] floats(int count, ElementType type) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      float value = (float) random.nextGaussian() * (i % 7 == 0 ? 1e-5f : 1f);
      values[i] =
          switch (type) {
            case F32 -> value;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> Weights.widen(Weights.floatToBfloat16(value), ElementType.BF16);
            case Q8_0, Q4_0 -> value;
          };
    }
    if (type.isBlocks()) {
      BlockFormat format = type.blocks().orElseThrow();
      MemorySegment blocks = MemorySegment.ofArray(new byte[(int) type.byteSize(count)]);
      BlockQuantizer.quantize(format, blocks, 0, values, 0, count);
      BlockDequantizer.dequantize(format, values, 0, count, blocks, 0);
    }
    return values;
  }

  FloatMatrix matrix(int rows, int columns) {
    return new FloatMatrix(floats(rows * columns + 3, ElementType.F32), 3, rows, columns);
  }

  static Weights weights(Arena arena, ElementType type, int rows, int columns, float[] values) {
    Weights weights = Weights.allocate(arena, type, rows, columns);
    if (weights.put(0, rows, rowMajor(arena, type, values), type) != -1) {
      throw new AssertionError("a finite value was refused");
    }
    return weights;
  }

  static MemorySegment rowMajor(Arena arena, ElementType type, float[] values) {
    MemorySegment source = arena.allocate(type.byteSize(values.length));
    if (type.isBlocks()) {
      BlockQuantizer.quantize(type.blocks().orElseThrow(), source, 0, values, 0, values.length);
      return source;
    }
    for (int i = 0; i < values.length; i++) {
      switch (type) {
        case F32 ->
            source.set(
                ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                i * 4L,
                values[i]);
        case F16 ->
            source.set(
                ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                i * 2L,
                Float.floatToFloat16(values[i]));
        case BF16 ->
            source.set(
                ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
                i * 2L,
                Weights.floatToBfloat16(values[i]));
        case Q8_0, Q4_0 -> throw new AssertionError("handled above");
      }
    }
    return source;
  }
}
