package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.assertRefused;
import static dev.eeve.checkpoint.TestFiles.spec;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.eeve.Golden;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsWriterTest {
  @TempDir Path folder;

  /** Digests of what Python's safetensors 0.8.0 writes for the same tensors and metadata. */
  @ParameterizedTest
  @CsvSource({
    "tiny-f32/model, f9fedbe8db9077f1fa512cc23195229e7d95cd546cc32bbc6fe1269d304f965a",
    "tiny-bf16-head80/model, fa8a6cbd80a60fab5ac0e79bbc990dfb4934fae1be695e722692a6b52710533d",
    "tiny-f16-sharded/model-00002-of-00002,"
        + " 123ec079cce3dc5787d762c6d65b1da67bf342fcbe4305e3d3f882104aa9192b"
  })
  void aRewrittenModelEqualsTheReferenceLibrarysByteForByte(String name, String sha256)
      throws IOException, NoSuchAlgorithmException {
    Path source = Golden.folder("tiny-f32").resolveSibling(name + ".safetensors");
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    copy(source, first);
    copy(first, second);
    byte[] bytes = Files.readAllBytes(first);
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
    assertEquals(sha256, HexFormat.of().formatHex(digest));
    assertArrayEquals(bytes, Files.readAllBytes(second));
  }

  /** In strips of 1000 bytes. */
  private static void copy(Path from, Path to) throws IOException {
    try (Safetensors source = Safetensors.open(from)) {
      List<TensorSpec> tensors =
          source.tensors().values().stream()
              .map(tensor -> new TensorSpec(tensor.name(), tensor.dtype(), tensor.shape()))
              .toList();
      try (SafetensorsWriter writer = SafetensorsWriter.create(to, tensors, source.metadata())) {
        for (TensorSpec tensor : writer.order()) {
          for (long at = 0; at < tensor.byteSize(); at += 1000) {
            byte[] strip = new byte[(int) Math.min(1000, tensor.byteSize() - at)];
            MemorySegment bytes = MemorySegment.ofArray(strip);
            source.read(source.tensors().get(tensor.name()), at, bytes);
            writer.write(tensor.name(), bytes);
          }
        }
        writer.finish();
      }
    }
  }

  /** The header is what Python's safetensors 0.8.0 wrote. */
  @Test
  void everyDtypeAndOddNamesAreOrderedAndSpelledAsTheReferenceDoes() throws IOException {
    String odd = "é\"\\\n한\u0001\u001f\u007f𝄞";
    String expected =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
            + "\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[8,16]},"
            + "\"c\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[16,24]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[24,32]},"
            + "\"é\\\"\\\\\\n한\\u0001\\u001f\u007f𝄞\":"
            + "{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[32,36]},"
            + "\"\uff5e\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[36,40]},"
            + "\"u32\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[40,44]},"
            + "\"z\":{\"dtype\":\"BF16\",\"shape\":[0,4],\"data_offsets\":[44,44]},"
            + "\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[44,50]},"
            + "\"i16\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[50,52]},"
            + "\"e8\":{\"dtype\":\"F8_E8M0\",\"shape\":[1],\"data_offsets\":[52,53]},"
            + "\"f8\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[53,54]},"
            + "\"e5\":{\"dtype\":\"F8_E5M2\",\"shape\":[1],\"data_offsets\":[54,55]},"
            + "\"u\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[55,58]},"
            + "\"bool\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[58,59]}}   ";
    List<TensorSpec> tensors =
        List.of(
            spec("b", DType.F32, 2, 1),
            spec("a", DType.F16, 3),
            spec("z", DType.BF16, 0, 4),
            spec(odd, DType.F32),
            spec("\uff5e", DType.F32, 1),
            spec("i", DType.I64, 1),
            spec("u", DType.U8, 3),
            spec("f8", DType.F8_E4M3, 1),
            spec("bool", DType.BOOL, 1),
            spec("c", DType.C64, 1),
            spec("e8", DType.F8_E8M0, 1),
            spec("d", DType.F64, 1),
            spec("u32", DType.U32, 1),
            spec("i16", DType.I16, 1),
            spec("e5", DType.F8_E5M2, 1));
    Path file = folder.resolve("x");
    TestFiles.write(file, tensors);
    byte[] bytes = Files.readAllBytes(file);
    byte[] header = expected.getBytes(StandardCharsets.UTF_8);
    assertEquals(0, header.length % 8);
    assertEquals(expected, new String(bytes, 8, header.length, StandardCharsets.UTF_8));
    assertEquals(8 + header.length + 59, bytes.length);
    try (Safetensors opened = Safetensors.open(file)) {
      assertEquals(tensors.size(), opened.tensors().size());
      assertEquals(4, opened.tensors().get(odd).byteSize());
    }
  }

  @Test
  void aFileOfNothingIsTheReferences() throws IOException {
    Path file = folder.resolve("x");
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, List.of(), Map.of())) {
      writer.finish();
    }
    assertArrayEquals(TestFiles.safetensors("{}      ", 0), Files.readAllBytes(file));
  }

  @Test
  void theFileAppearsWholeOrNotAtAll() throws IOException {
    Path file = Files.writeString(folder.resolve("x"), "old");
    TensorSpec tensor = spec("w", DType.F32, 2);
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, List.of(tensor), Map.of())) {
      writer.write("w", MemorySegment.ofArray(new byte[4]));
      assertThrows(IllegalStateException.class, writer::finish);
      assertEquals("old", Files.readString(file));
    }
    assertEquals("old", Files.readString(file));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(file), left.toList());
    }
    TestFiles.write(file, List.of(tensor));
    assertFalse(Arrays.equals("old".getBytes(StandardCharsets.UTF_8), Files.readAllBytes(file)));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  @Test
  void bytesOutOfOrderOrTooManyAreRefused() throws IOException {
    List<TensorSpec> tensors = List.of(spec("a", DType.F32, 1), spec("b", DType.F32, 1));
    Path file = folder.resolve("x");
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, tensors, Map.of())) {
      MemorySegment four = MemorySegment.ofArray(new byte[4]);
      assertThrows(IllegalArgumentException.class, () -> writer.write("b", four));
      assertThrows(
          IllegalArgumentException.class,
          () -> writer.write("a", MemorySegment.ofArray(new byte[5])));
      assertThrows(
          IllegalArgumentException.class,
          () -> writer.write("a", MemorySegment.ofArray(new float[1])));
      writer.write("a", four);
      assertThrows(IllegalArgumentException.class, () -> writer.write("a", four));
      writer.write("b", four);
      assertThrows(IllegalArgumentException.class, () -> writer.write("b", four));
      writer.finish();
      assertThrows(IllegalStateException.class, () -> writer.write("b", four));
    }
    try (Safetensors opened = Safetensors.open(file)) {
      assertEquals(2, opened.tensors().size());
    }
  }

  @Test
  void tensorsThatNoFileCanHoldAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> spec("w", DType.F32, -1));
    assertThrows(IllegalArgumentException.class, () -> spec("w", DType.F32, Long.MAX_VALUE));
    assertThrows(IllegalArgumentException.class, () -> spec("__metadata__", DType.F32, 1));
    assertThrows(IllegalArgumentException.class, () -> spec("\ud800", DType.F32, 1));
    List<TensorSpec> twice = List.of(spec("w", DType.F32, 1), spec("w", DType.F16, 1));
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsWriter.create(folder.resolve("x"), twice, Map.of()));
  }

  @Test
  void aPlaceThatCannotBeWrittenIsNamed() {
    Path nowhere = folder.resolve("none").resolve("x");
    assertRefused(nowhere, "no such", () -> TestFiles.write(nowhere, List.of()));
    assertRefused(folder, "a folder", () -> TestFiles.write(folder, List.of()));
  }
}
