package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Known answers are those of the functions in llama.cpp's own ggml-base library. */
class BlockFormatTest {
  /** Eight kinds: three scaled uniform, ties of both formats, zeros, all exponents, subnormals. */
  private static float[] block(int number) {
    Random random = new Random(number);
    double scale = Math.scalb(1.0, Math.floorMod(random.nextInt(), 41) - 24);
    float[] values = new float[32];
    for (int i = 0; i < values.length; i++) {
      int bits = random.nextInt();
      values[i] =
          switch (number % 8) {
            case 0, 1, 2 -> (float) ((float) (bits * 0x1p-31) * scale);
            case 3 -> i == 0 ? 127 : (bits >> 24) * 0.5f;
            case 4 -> i == 0 ? -8 : (bits >> 28) * 0.5f;
            case 5 -> bits > 0 ? 0f : -0f;
            case 6 -> Float.intBitsToFloat(bits & 0x807FFFFF | (bits >> 8 & 0x7FFF) % 145 << 23);
            default -> Float.intBitsToFloat(bits & 0x807FFFFF);
          };
    }
    return values;
  }

  private static byte[] quantize(BlockFormat format, float[] values) {
    byte[] out = new byte[values.length / format.elements() * format.bytes()];
    MemorySegment segment = MemorySegment.ofArray(out);
    assertEquals(-1, BlockQuantizer.quantize(format, segment, 0, values, 0, values.length));
    return out;
  }

  private static byte[] dequantize(BlockFormat format, byte[] blocks) {
    float[] values = new float[blocks.length / format.bytes() * format.elements()];
    BlockDequantizer.dequantize(format, values, 0, values.length, MemorySegment.ofArray(blocks), 0);
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  @ParameterizedTest
  @CsvSource({
    "Q8_0, 0, ea00d143929a5782218fc35d476c94fcfbde06f0314d58246729ad07008103f6861d",
    "Q8_0, 3, 003c7f09e709cae2c91dedd42de7090435e711f9ee14dbf4c9ff05c512fd3d14c5c6",
    "Q8_0, 4, 082c81f0e0f018d020083800e8d8e0e02010c8f030e0d800c0d828f838e81018d028",
    "Q8_0, 5, 00000000000000000000000000000000000000000000000000000000000000000000",
    "Q8_0, 6, 064800000e0000000000000000000000000081000000000000000000000000000000",
    "Q8_0, 7, 00000000000000000000000000000000000000000000000000000000000000000000",
    "Q4_0, 0, 410b857cb1d2eda0eab1348e8c0f817808a6",
    "Q4_0, 3, f0cb70879a77ab9abb8689cb758a4778c5ca",
    "Q4_0, 4, 003c5077b6676a854a69bc88c77696a65ab9",
    "Q4_0, 5, 008088888888888888888888888888888888",
    "Q4_0, 6, fb5708888988888888888888888888888888",
    "Q4_0, 7, 008000000000000000000000000000000000"
  })
  void aBlockHasTheBytesOfGgml(BlockFormat format, int number, String expected) {
    assertEquals(expected, HexFormat.of().formatHex(quantize(format, block(number))));
  }

  @ParameterizedTest
  @CsvSource({"Q8_0, 98c05836, c7be648b", "Q4_0, 15b86b2b, 3b058203"})
  void fourThousandBlocksHaveTheBytesOfGgmlThereAndBack(
      BlockFormat format, String quantized, String dequantized) {
    CRC32 there = new CRC32();
    CRC32 back = new CRC32();
    for (int number = 0; number < 4000; number++) {
      byte[] blocks = quantize(format, block(number));
      there.update(blocks);
      back.update(dequantize(format, blocks));
    }
    assertEquals(quantized, "%08x".formatted(there.getValue()));
    assertEquals(dequantized, "%08x".formatted(back.getValue()));
  }

  @ParameterizedTest
  @CsvSource({"Q4_K, 0, a528db7c", "Q5_K, 0, 106501bd", "Q6_K, 208, 334bbcf9"})
  void fourHundredRandomBlocksAreReadAsGgmlReadsThem(
      BlockFormat format, int scaleAt, String expected) {
    CRC32 values = new CRC32();
    for (int number = 0; number < 400; number++) {
      Random random = new Random(number);
      ByteBuffer block = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < format.bytes(); i += 4) {
        block.putInt(i, random.nextInt());
      }
      block.putShort(scaleAt, (short) (0x2C00 + number)); // finite, unlike random ones
      if (format != BlockFormat.Q6_K) {
        block.putShort(2, (short) (0x3000 + number));
      }
      values.update(dequantize(format, Arrays.copyOf(block.array(), format.bytes())));
    }
    assertEquals(expected, "%08x".formatted(values.getValue()));
  }

  @ParameterizedTest
  @EnumSource(names = {"Q8_0", "Q4_0"})
  void whatNoScaleCanHoldIsNamedByItsPlace(BlockFormat format) {
    MemorySegment out = MemorySegment.ofArray(new byte[3 * format.bytes()]);
    for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 1e30f}) {
      float[] row = new float[100];
      Arrays.fill(row, 1);
      row[2 + 64 + 5] = bad;
      assertEquals(69, BlockQuantizer.quantize(format, out, 0, row, 2, 96));
    }
  }

  @ParameterizedTest
  @EnumSource
  void partsOfBlocksAndFormatsThatAreOnlyReadAreRefused(BlockFormat format) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[1000]);
    float[] row = new float[512];
    int partial = format.elements() + 1;
    String wanted = "needed a multiple of the %d of a %s block".formatted(partial - 1, format);
    String message = "count: " + partial + " elements, " + wanted;
    Refusal.of(message, () -> BlockQuantizer.quantize(format, bytes, 0, row, 0, partial));
    Refusal.of(message, () -> BlockDequantizer.dequantize(format, row, 0, partial, bytes, 0));
    if (format.elements() == 256) {
      Refusal.of(
          "format: " + format + " can be read only, needed Q8_0 or Q4_0",
          () -> BlockQuantizer.quantize(format, bytes, 0, row, 0, 256));
    }
  }

  @Test
  void nothingBesideTheRowIsTouched() {
    for (BlockFormat format : new BlockFormat[] {BlockFormat.Q8_0, BlockFormat.Q4_0}) {
      byte[] out = new byte[format.bytes() + 6];
      Arrays.fill(out, (byte) 77);
      BlockQuantizer.quantize(format, MemorySegment.ofArray(out), 3, block(1), 0, 32);
      float[] back = new float[40];
      Arrays.fill(back, Float.NaN);
      BlockDequantizer.dequantize(format, back, 4, 32, MemorySegment.ofArray(out), 3);
      assertTrue(Float.isNaN(back[3]) && Float.isNaN(back[36]));
      assertTrue(Float.isFinite(back[4]) && Float.isFinite(back[35]));
      for (int i = 0; i < 3; i++) {
        assertEquals(77, out[i]);
        assertEquals(77, out[format.bytes() + 3 + i]);
      }
    }
  }
}
