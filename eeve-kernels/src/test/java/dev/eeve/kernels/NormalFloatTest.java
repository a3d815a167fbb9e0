package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class NormalFloatTest {
  /**
   * Known answers, made by a numpy program that follows bitsandbytes' default form: values, packed
   * bytes, scales, scales in 8 bits, their scales, their offset, the map, the values given back.
   */
  private static final class Known {
    private final ByteBuffer file;

    Known() throws IOException {
      try (InputStream in = NormalFloatTest.class.getResourceAsStream("/nf4/known.bin")) {
        file = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
      }
    }

    float[] floats() {
      float[] values = new float[file.getInt()];
      for (int i = 0; i < values.length; i++) {
        values[i] = file.getFloat();
      }
      return values;
    }

    byte[] bytes() {
      byte[] values = new byte[file.getInt()];
      file.get(values);
      return values;
    }
  }

  @Test
  void bytesScalesAndValuesAreTheKnownOnes() throws IOException {
    Known known = new Known();
    float[] values = known.floats();
    byte[] packed = new byte[(values.length + 1) / 2];
    float[] absmax = new float[(values.length + 63) / 64];
    MemorySegment bytes = MemorySegment.ofArray(packed);
    int half = 64 * 100;
    assertEquals(-1, NormalFloat.quantize(bytes, 0, absmax, 0, values, 0, half));
    int rest = values.length - half;
    assertEquals(-1, NormalFloat.quantize(bytes, half / 2, absmax, 100, values, half, rest));
    assertArrayEquals(known.bytes(), packed);
    assertArrayEquals(known.floats(), absmax);
    NormalFloat.Scales scales = NormalFloat.quantizeScales(absmax);
    assertArrayEquals(known.bytes(), scales.quantized());
    assertArrayEquals(known.floats(), scales.absmax());
    assertEquals(known.floats()[0], scales.offset());
    float[] map = known.floats();
    assertArrayEquals(map, NormalFloat.dynamicMap(), 6e-8f);
    float[] given =
        NormalFloat.dequantizeScales(
            scales.quantized(), NormalFloat.dynamicMap(), scales.absmax(), 256, scales.offset());
    float[] back = new float[values.length];
    int odd = 12_345;
    NormalFloat.dequantize(back, 0, odd, bytes, 0, NormalFloat.code(), given, 64);
    NormalFloat.dequantize(back, odd, back.length - odd, bytes, odd, NormalFloat.code(), given, 64);
    assertArrayEquals(known.floats(), back, 1e-7f);
  }

  @Test
  void theMapHasSevenDecadesOfBothSignsZeroAndOne() {
    float[] map = NormalFloat.dynamicMap();
    assertEquals(256, map.length);
    assertEquals(1f, map[255]);
    assertEquals(0f, map[127]);
    assertEquals(5.5e-7f, map[128], 1e-12f);
    for (int i = 0; i < 127; i++) {
      assertEquals(-map[i], map[254 - i]);
      assertTrue(map[i] < map[i + 1]);
    }
  }

  @Test
  void aQuantileIsNearestToItselfAndZerosStayZero() {
    float[] values = new float[128];
    float[] code = NormalFloat.code();
    for (int i = 0; i < 64; i++) {
      values[i] = code[i % 16] * 3;
    }
    byte[] packed = new byte[64];
    float[] absmax = new float[2];
    NormalFloat.quantize(MemorySegment.ofArray(packed), 0, absmax, 0, values, 0, 128);
    assertArrayEquals(new float[] {3, 0}, absmax);
    assertEquals(0x01, packed[0]);
    assertEquals((byte) 0xEF, packed[7]);
    assertEquals(0x77, packed[40]);
    float[] back = new float[128];
    NormalFloat.dequantize(
        back, 0, 128, MemorySegment.ofArray(packed), 0, code, absmax, NormalFloat.BLOCK);
    assertArrayEquals(values, back, 1e-6f);
    assertArrayEquals(new float[64], Arrays.copyOfRange(back, 64, 128));
    NormalFloat.Scales same = NormalFloat.quantizeScales(new float[] {2, 2, 2});
    assertArrayEquals(
        new float[] {2, 2, 2},
        NormalFloat.dequantizeScales(
            same.quantized(), NormalFloat.dynamicMap(), same.absmax(), 256, same.offset()));
  }

  @Test
  void whatIsNotFiniteIsFound() {
    float[] values = new float[200];
    values[150] = Float.NaN;
    assertEquals(
        150,
        NormalFloat.quantize(
            MemorySegment.ofArray(new byte[100]), 0, new float[4], 0, values, 0, 200));
  }
}
