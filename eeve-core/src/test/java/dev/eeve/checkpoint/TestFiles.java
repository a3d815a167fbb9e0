package dev.eeve.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.function.Executable;

/** Small files, right and wrong ones. */
final class TestFiles {
  private TestFiles() {}

  /** A file with this header and as many data bytes 0, 1, 2, … */
  static byte[] safetensors(String header, int dataBytes) {
    return safetensors(header.getBytes(StandardCharsets.UTF_8), dataBytes);
  }

  static byte[] safetensors(byte[] header, int dataBytes) {
    ByteBuffer file =
        ByteBuffer.allocate(8 + header.length + dataBytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(header.length)
            .put(header);
    for (int i = 0; i < dataBytes; i++) {
      file.put((byte) i);
    }
    return file.array();
  }

  static Path write(Path file, byte[] content) throws IOException {
    return Files.write(file, content);
  }

  /** Tensors of random bytes, by the writer itself. */
  static void write(Path file, List<TensorSpec> tensors) throws IOException {
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, tensors, Map.of("format", "pt"))) {
      for (TensorSpec tensor : writer.order()) {
        writer.write(tensor.name(), randomBytes(tensor));
      }
      writer.finish();
    }
  }

  /** The same bytes for the same name. */
  static MemorySegment randomBytes(TensorSpec tensor) {
    byte[] bytes = new byte[Math.toIntExact(tensor.byteSize())];
    new Random(tensor.name().hashCode()).nextBytes(bytes);
    return MemorySegment.ofArray(bytes);
  }

  static TensorSpec spec(String name, DType dtype, long... shape) {
    return new TensorSpec(name, dtype, java.util.Arrays.stream(shape).boxed().toList());
  }

  /** The house's form of an error: one line, the file first, and what it must say. */
  static CheckpointException assertRefused(Path file, String says, Executable action) {
    CheckpointException e = assertThrows(CheckpointException.class, action);
    assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(says), e.getMessage());
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
    assertEquals(file, e.path());
    return e;
  }
}
