package dev.eeve.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(ints = {1, 32, 256})
  void whatIsWrittenIsReadBackAtEveryAlignment(int alignment) throws IOException {
    SequencedMap<String, GgufValue> keys = GgufFiles.keys();
    keys.put("general.alignment", GgufValue.of(alignment));
    Path file = GgufFiles.write(folder.resolve("x.gguf"), keys, GgufFiles.specs());
    try (Gguf gguf = Gguf.open(file)) {
      assertEquals(3, gguf.version());
      assertEquals(keys, gguf.metadata().values());
      assertEquals(
          GgufFiles.specs(),
          gguf.tensors().values().stream()
              .map(t -> new TensorSpec(t.name(), t.dtype(), t.shape()))
              .toList());
      for (TensorSpec spec : GgufFiles.specs()) {
        TensorInfo tensor = gguf.tensors().get(spec.name());
        assertEquals(0, tensor.begin() % alignment);
        byte[] bytes = new byte[(int) tensor.byteSize()];
        gguf.read(tensor, 0, MemorySegment.ofArray(bytes));
        byte[] expected = TestFiles.randomBytes(spec).toArray(ValueLayout.JAVA_BYTE);
        assertArrayEquals(expected, bytes);
        byte[] last = new byte[1];
        gguf.read(tensor, tensor.byteSize() - 1, MemorySegment.ofArray(last));
        assertEquals(expected[expected.length - 1], last[0]);
      }
    }
  }

  @Test
  void keysAreGivenByTypeAndAnotherTypeIsNamed() throws IOException {
    Path file = GgufFiles.write(folder.resolve("x.gguf"), GgufFiles.keys(), List.of());
    try (Gguf gguf = Gguf.open(file)) {
      GgufMetadata keys = gguf.metadata();
      assertEquals(Optional.of("phi2"), keys.text("general.architecture"));
      assertEquals(OptionalInt.of(60_000), keys.integer("whole.2"));
      assertEquals(OptionalDouble.of(1e-5f), keys.real("f32"));
      assertEquals(Optional.of(true), keys.flag("bool"));
      assertEquals(Optional.of(List.of("", "Ġa", "가")), keys.texts("texts"));
      assertEquals(Optional.of(List.of(1L, -2L, 3L)), keys.integers("integers"));
      assertEquals(Optional.empty(), keys.text("none"));
      assertEquals(OptionalInt.empty(), keys.integer("none"));
      TestFiles.assertRefused(
          file, "text: STRING found, needed an integer", () -> keys.integer("text"));
      TestFiles.assertRefused(
          file,
          "texts: ARRAY of STRING found, needed an array of int",
          () -> keys.integers("texts"));
      TestFiles.assertRefused(
          file, "u64: 18446744073709551615 found, needed 0 to", () -> keys.integer("u64"));
      TestFiles.assertRefused(file, "whole.1: -100 found", () -> keys.integer("whole.1"));
      TestFiles.assertRefused(file, "needed true or false", () -> keys.flag("f32"));
      TestFiles.assertRefused(file, "needed a fraction", () -> keys.real("bool"));
      TestFiles.assertRefused(file, "needed a string", () -> keys.text("i64"));
    }
  }

  @Test
  void versionTwoIsReadToo() throws IOException {
    Path file = GgufFiles.write(folder.resolve("x.gguf"), GgufFiles.keys(), GgufFiles.specs());
    byte[] bytes = Files.readAllBytes(file);
    bytes[4] = 2;
    Files.write(file, bytes);
    try (Gguf gguf = Gguf.open(file)) {
      assertEquals(2, gguf.version());
      assertEquals(5, gguf.tensors().size());
    }
  }

  @Test
  void aFileAppearsWholeOrNotAtAll() throws IOException {
    Path file = Files.writeString(folder.resolve("x.gguf"), "old");
    try (GgufWriter writer = GgufWriter.create(file, GgufFiles.keys(), GgufFiles.specs())) {
      TensorSpec first = writer.order().getFirst();
      writer.write(first.name(), TestFiles.randomBytes(first));
      assertThrows(IllegalStateException.class, writer::finish);
    }
    assertEquals("old", Files.readString(file));
    try (var entries = Files.list(folder)) {
      assertEquals(1, entries.count());
    }
  }

  @Test
  void tensorsThatGgufCannotHoldAreRefused() {
    Path file = folder.resolve("x.gguf");
    for (TensorSpec spec :
        List.of(
            TestFiles.spec("a", DType.Q4_K, 1, 256),
            TestFiles.spec("a", DType.I64, 1),
            TestFiles.spec("a", DType.F32))) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> GgufWriter.create(file, Map.of(), List.of(spec)))
              .getMessage();
      assertTrue(message.contains("\"a\"") && message.contains("needed"), message);
    }
    TensorSpec twice = TestFiles.spec("a", DType.F32, 1);
    assertThrows(
        IllegalArgumentException.class,
        () -> GgufWriter.create(file, Map.of(), List.of(twice, twice)));
    assertThrows(
        IllegalArgumentException.class,
        () -> GgufWriter.create(file, Map.of("general.alignment", GgufValue.of(3)), List.of()));
    assertThrows(IllegalArgumentException.class, () -> TestFiles.spec("a", DType.Q8_0, 2, 33));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            SafetensorsWriter.create(
                file, List.of(TestFiles.spec("a", DType.Q8_0, 1, 32)), Map.of()));
  }
}
