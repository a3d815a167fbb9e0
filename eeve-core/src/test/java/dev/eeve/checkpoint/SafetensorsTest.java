package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.assertRefused;
import static dev.eeve.checkpoint.TestFiles.safetensors;
import static dev.eeve.checkpoint.TestFiles.spec;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsTest {
  @TempDir Path folder;

  @Test
  void tensorsComeInTheOrderOfTheirData() throws IOException {
    Path file =
        TestFiles.write(
            folder.resolve("x"),
            safetensors(
                """
                {"late":{"dtype":"BF16","shape":[2,1],"data_offsets":[8,12]},
                 "__metadata__":{"format":"pt","a":"é"},
                 "early":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":[{}]}}\s\s""",
                12));
    try (Safetensors opened = Safetensors.open(file)) {
      assertEquals(List.of("early", "late"), List.copyOf(opened.tensors().keySet()));
      assertEquals(Map.of("format", "pt", "a", "é"), opened.metadata());
      TensorInfo late = opened.tensors().get("late");
      assertEquals(new TensorInfo(file, "late", DType.BF16, List.of(2L, 1L), 8, 12), late);
      assertEquals("BF16 (2, 1)", late.describe());
      assertEquals(2, late.rows());
      assertEquals(1, late.columns());
      byte[] tail = new byte[3];
      opened.read(late, 1, ByteBuffer.wrap(tail));
      assertArrayEquals(new byte[] {9, 10, 11}, tail);
    }
  }

  @Test
  void emptyTensorsScalarsAndEmptyFilesAreRead() throws IOException {
    Path file =
        TestFiles.write(
            folder.resolve("x"),
            safetensors(
                """
                {"b":{"dtype":"F16","shape":[0,7],"data_offsets":[0,0]},
                 "a":{"dtype":"F16","shape":[3,0],"data_offsets":[4,4]},
                 "s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""",
                4));
    try (Safetensors opened = Safetensors.open(file)) {
      assertEquals(List.of("b", "s", "a"), List.copyOf(opened.tensors().keySet()));
      opened.read(opened.tensors().get("a"), 0, ByteBuffer.allocate(0));
      ByteBuffer scalar = ByteBuffer.allocate(4);
      opened.read(opened.tensors().get("s"), 0, scalar);
      assertArrayEquals(new byte[] {0, 1, 2, 3}, scalar.array());
    }
    TestFiles.write(file, safetensors("{}", 0));
    try (Safetensors opened = Safetensors.open(file)) {
      assertTrue(opened.tensors().isEmpty());
    }
  }

  @Test
  void aTensorBeyondFourGigabytesIsReadWhereItIs() throws IOException {
    Path file = folder.resolve("big");
    long bytes = 5_000_000_000L;
    byte[] start =
        safetensors(
            """
            {"big":{"dtype":"F16","shape":[2500000000],"data_offsets":[0,5000000000]},
             "end":{"dtype":"F16","shape":[1],"data_offsets":[5000000000,5000000002]}}""",
            0);
    try (FileChannel sparse =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      sparse.write(ByteBuffer.wrap(start));
      sparse.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4}), start.length + bytes - 2);
    }
    try (Safetensors opened = Safetensors.open(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(20_000_002);
      opened.read(opened.tensors().get("big"), bytes - strip.byteSize(), strip);
      assertEquals(0, strip.get(ValueLayout.JAVA_BYTE, strip.byteSize() - 3));
      assertEquals(1, strip.get(ValueLayout.JAVA_BYTE, strip.byteSize() - 2));
      assertEquals(2, strip.get(ValueLayout.JAVA_BYTE, strip.byteSize() - 1));
      opened.read(opened.tensors().get("end"), 0, strip.asSlice(0, 2));
      assertEquals(3, strip.get(ValueLayout.JAVA_BYTE, 0));
    }
  }

  @Test
  void threadsReadStripsOfOneFileAtOnce() throws Exception {
    TensorSpec spec = spec("w", DType.F32, 1000, 300);
    Path file = folder.resolve("x");
    TestFiles.write(file, List.of(spec));
    byte[] expected = (byte[]) TestFiles.randomBytes(spec).heapBase().orElseThrow();
    byte[] found = new byte[expected.length];
    try (Safetensors opened = Safetensors.open(file);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      TensorInfo tensor = opened.tensors().get("w");
      List<Callable<Void>> strips = new ArrayList<>();
      for (int at = 0; at < found.length; at += 1200) {
        ByteBuffer strip = ByteBuffer.wrap(found, at, 1200);
        int offset = at;
        strips.add(
            () -> {
              opened.read(tensor, offset, strip);
              return null;
            });
      }
      for (Future<Void> strip : threads.invokeAll(strips)) {
        strip.get();
      }
    }
    assertArrayEquals(expected, found);
  }

  @Test
  void aPartOutsideItsTensorIsTheCallersMistake() throws IOException {
    Path file = folder.resolve("x");
    TestFiles.write(file, List.of(spec("w", DType.F32, 2)));
    try (Safetensors opened = Safetensors.open(file)) {
      TensorInfo w = opened.tensors().get("w");
      ByteBuffer four = ByteBuffer.allocate(4);
      for (long offset : new long[] {-1, 5, Long.MAX_VALUE, Long.MIN_VALUE}) {
        assertThrows(IllegalArgumentException.class, () -> opened.read(w, offset, four));
      }
      MemorySegment floats = MemorySegment.ofArray(new float[1]);
      assertThrows(IllegalArgumentException.class, () -> opened.read(w, 0, floats));
      TensorInfo other = new TensorInfo(file, "w", DType.F32, List.of(9L), 0, 36);
      assertThrows(IllegalArgumentException.class, () -> opened.read(other, 0, four));
    }
  }

  @Test
  void readingAfterCloseIsRefused() throws IOException {
    Path file = folder.resolve("x");
    TestFiles.write(file, List.of(spec("w", DType.F32, 2)));
    Safetensors opened = Safetensors.open(file);
    opened.close();
    opened.close();
    TensorInfo w = opened.tensors().get("w");
    assertThrows(IllegalStateException.class, () -> opened.read(w, 0, ByteBuffer.allocate(4)));
  }

  @Test
  void anInterruptedReaderIsToldSo() throws IOException {
    Path file = folder.resolve("x");
    TestFiles.write(file, List.of(spec("w", DType.F32, 2)));
    try (Safetensors opened = Safetensors.open(file)) {
      TensorInfo w = opened.tensors().get("w");
      Thread.currentThread().interrupt();
      assertRefused(file, "interrupted", () -> opened.read(w, 0, ByteBuffer.allocate(4)));
      assertTrue(Thread.interrupted());
      assertRefused(file, "interrupted", () -> opened.read(w, 0, ByteBuffer.allocate(4)));
    }
  }

  @Test
  void aFileCutWhileOpenIsNamedWithItsTensor() throws IOException {
    Path file = folder.resolve("x");
    TestFiles.write(file, List.of(spec("w", DType.F32, 2)));
    try (Safetensors opened = Safetensors.open(file)) {
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() - 4);
      }
      TensorInfo w = opened.tensors().get("w");
      CheckpointException e =
          assertRefused(
              file, "it was longer when opened", () -> opened.read(w, 0, ByteBuffer.allocate(8)));
      assertEquals("w", e.tensor().orElseThrow());
    }
  }

  @Test
  void linksAreFollowedAndDanglingOnesNamed() throws IOException {
    Path blob = folder.resolve("blob");
    TestFiles.write(blob, List.of(spec("w", DType.F32, 2)));
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("blob"));
    try (Safetensors opened = Safetensors.open(link)) {
      assertEquals(1, opened.tensors().size());
    }
    Files.delete(blob);
    assertRefused(link, "symbolic link to blob", () -> Safetensors.open(link));
  }
}
