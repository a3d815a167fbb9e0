package dev.eeve.checkpoint;

import dev.eeve.kernels.BlockDequantizer;
import dev.eeve.kernels.BlockFormat;
import dev.eeve.kernels.BlockQuantizer;
import dev.eeve.kernels.Weights;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Rows of one type turned into another, a strip at a time; what has the right type already is
 * copied. Counts what rounding takes away. Used by one thread.
 */
public final class TensorConverter {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final DType from;
  private final DType to;
  private final int columns;
  private final boolean measured;
  private final float[] values;
  private final float[] rounded;
  private double signal;
  private double noise;

  /**
   * Prepares a conversion.
   *
   * @param from type of what comes in: F32, F16, BF16 or a block format
   * @param to type of what goes out: F32, F16, BF16, Q8_0 or Q4_0
   * @param columns length of a row; whole blocks of both
   * @param measured whether {@link #signal} and {@link #noise} are wanted
   */
  public TensorConverter(DType from, DType to, int columns, boolean measured) {
    this.from = from;
    this.to = to;
    this.columns = columns;
    this.measured = measured;
    this.values = new float[columns];
    this.rounded = new float[columns];
  }

  /**
   * Converts rows.
   *
   * @param rows how many
   * @param in their bytes
   * @param out overwritten
   * @return the first row with an element that is, or by the conversion would be, NaN or infinite;
   *     −1 if there is none. Rows from that one on are then not all written
   */
  public int convert(int rows, MemorySegment in, MemorySegment out) {
    long inBytes = from.byteSize(columns);
    long outBytes = to.byteSize(columns);
    for (int row = 0; row < rows; row++) {
      read(values, from, in, row * inBytes);
      boolean good = true;
      if (from == to) {
        MemorySegment.copy(in, row * inBytes, out, row * outBytes, inBytes);
      } else {
        good = write(out, row * outBytes);
      }
      if (!good || !finite(values)) {
        return row;
      }
      if (measured) {
        read(rounded, to, out, row * outBytes);
        measure();
      }
    }
    return -1;
  }

  private static boolean finite(float[] values) {
    float sum = 0;
    for (float value : values) {
      sum += value * 0; // NaN once anything is not finite
    }
    return sum == 0;
  }

  private void measure() {
    for (int i = 0; i < columns; i++) {
      double error = (double) values[i] - rounded[i];
      signal += (double) values[i] * values[i];
      noise += error * error;
    }
  }

  private static void read(float[] values, DType type, MemorySegment in, long at) {
    switch (type) {
      case F32 -> MemorySegment.copy(in, FLOAT, at, values, 0, values.length);
      case F16 -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = Float.float16ToFloat(in.get(SHORT, at + 2L * i));
        }
      }
      case BF16 -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = Float.intBitsToFloat(in.get(SHORT, at + 2L * i) << 16);
        }
      }
      default -> {
        BlockFormat blocks = type.blocks().orElseThrow(() -> notWeights(type));
        BlockDequantizer.dequantize(blocks, values, 0, values.length, in, at);
      }
    }
  }

  private boolean write(MemorySegment out, long at) {
    switch (to) {
      case F32 -> MemorySegment.copy(values, 0, out, FLOAT, at, columns);
      case F16 -> {
        for (int i = 0; i < columns; i++) {
          short half = Float.floatToFloat16(values[i]);
          out.set(SHORT, at + 2L * i, half);
          if ((half & 0x7C00) == 0x7C00) {
            return false;
          }
        }
      }
      case BF16 -> {
        for (int i = 0; i < columns; i++) {
          short half = Weights.floatToBfloat16(values[i]);
          out.set(SHORT, at + 2L * i, half);
          if ((half & 0x7F80) == 0x7F80) {
            return false;
          }
        }
      }
      default -> {
        BlockFormat blocks = to.blocks().orElseThrow(() -> notWeights(to));
        return BlockQuantizer.quantize(blocks, out, at, values, 0, columns) < 0;
      }
    }
    return true;
  }

  private static IllegalArgumentException notWeights(DType type) {
    return new IllegalArgumentException("type: " + type + ", needed one of weights");
  }

  /**
   * The squares of all values so far.
   *
   * @return their sum
   */
  public double signal() {
    return signal;
  }

  /**
   * The squares of all errors so far.
   *
   * @return their sum
   */
  public double noise() {
    return noise;
  }
}
