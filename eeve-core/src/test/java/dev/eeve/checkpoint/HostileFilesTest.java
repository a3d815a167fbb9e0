package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.safetensors;
import static dev.eeve.checkpoint.TestFiles.spec;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Mutator;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a file holds, opening it ends soon, in success or in one kind of exception. */
@Timeout(60) // a hang fails instead of stopping the build
class HostileFilesTest {
  /** What opening may allocate: buffers, messages and stack traces, and so much per byte. */
  private static final long ALLOWED_BYTES = 1_000_000;

  private static final long ALLOWED_PER_BYTE = 100;

  private static final String HEADER =
      """
      {"__metadata__":{"format":"pt","made":"here"},
       "model.embed_tokens.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},
       "model.layers.0.mlp.fc1.weight":{"dtype":"BF16","shape":[2,2],"data_offsets":[24,32]},
       "model.layers.0.mlp.fc1.bias":{"dtype":"BF16","shape":[2],"data_offsets":[32,36]},
       "empty":{"dtype":"F16","shape":[0,2],"data_offsets":[36,36]},
       "scalar":{"dtype":"F32","shape":[],"data_offsets":[36,40]}}""";

  private static final long[] LENGTHS = {
    0,
    1,
    7,
    8,
    100_000_000,
    100_000_001,
    Integer.MAX_VALUE,
    1L << 31,
    1L << 32,
    1L << 62,
    Long.MAX_VALUE - 8,
    Long.MAX_VALUE,
    -1,
    Long.MIN_VALUE
  };

  @TempDir Path folder;

  /** The first call of all allocates megabytes for classes. */
  @BeforeEach
  void loadClasses() throws IOException {
    assertTrue(opens(TestFiles.write(folder.resolve("good"), safetensors(HEADER, 40))));
    assertFalse(opens(TestFiles.write(folder.resolve("bad"), safetensors("{\"a\":x", 0))));
    assertThrows(CheckpointException.class, () -> ModelFolder.open(folder));
  }

  private static byte[] broken(Mutator mutator) {
    byte[] header = HEADER.getBytes(StandardCharsets.UTF_8);
    switch (mutator.nextInt(8)) {
      case 0 -> {
        return mutator.mutate(safetensors(HEADER, 40));
      }
      case 1 -> {
        byte[] file = safetensors(HEADER, 40);
        long length =
            mutator.nextInt(2) == 0
                ? LENGTHS[mutator.nextInt(LENGTHS.length)]
                : header.length + mutator.nextInt(100) - 50;
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
        return file;
      }
      default -> {
        byte[] mutated = mutator.mutate(header);
        byte[] padded = Arrays.copyOf(mutated, mutated.length + mutator.nextInt(4));
        Arrays.fill(padded, mutated.length, padded.length, (byte) ' ');
        return safetensors(padded, 40);
      }
    }
  }

  /** Over the old content: truncating a file to nothing first makes some file systems flush it. */
  private static void overwrite(Path file, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(content));
      channel.truncate(content.length);
    }
  }

  private static boolean opens(Path file) throws IOException {
    try (Safetensors opened = Safetensors.open(file)) {
      for (TensorInfo tensor : opened.tensors().values()) {
        opened.read(tensor, 0, ByteBuffer.allocate((int) tensor.byteSize()));
      }
      return true;
    } catch (CheckpointException e) {
      assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
      return false;
    }
  }

  @Test
  void aMutatedSafetensorsFileOpensOrIsRefused() throws IOException {
    Path file = TestFiles.write(folder.resolve("x"), safetensors(HEADER, 40));
    assertTrue(opens(file));
    Mutator mutator = new Mutator(1);
    int opened = 0;
    int files = 12_000;
    for (int i = 0; i < files; i++) {
      byte[] content = broken(mutator);
      overwrite(file, content);
      long before = Mutator.allocatedBytes();
      boolean good = opens(file);
      long allocated = Mutator.allocatedBytes() - before;
      assertTrue(
          allocated < ALLOWED_BYTES + ALLOWED_PER_BYTE * content.length,
          () -> allocated + " bytes for " + Arrays.toString(content));
      opened += good ? 1 : 0;
    }
    // else the mutations are too tame, or too wild, to try anything
    assertTrue(opened > files / 100 && opened < files / 2, opened + " files opened");
  }

  @Test
  void aMutatedIndexOpensOrIsRefused() throws IOException {
    TestFiles.write(
        folder.resolve("1.safetensors"), List.of(spec("a", DType.F32, 2), spec("b", DType.F16, 2)));
    TestFiles.write(folder.resolve("2.safetensors"), List.of(spec("c", DType.F32, 1)));
    byte[] good =
        """
        {"metadata":{"total_size":16},"weight_map":
         {"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}}"""
            .getBytes(StandardCharsets.UTF_8);
    Path index = folder.resolve("model.safetensors.index.json");
    Mutator mutator = new Mutator(2);
    int opened = 0;
    int files = 5_000;
    for (int i = 0; i < files; i++) {
      byte[] content = mutator.mutate(good);
      overwrite(index, content);
      long before = Mutator.allocatedBytes();
      try (ModelFolder model = ModelFolder.open(folder)) {
        assertFalse(model.tensors().isEmpty());
        opened++;
      } catch (CheckpointException e) {
        assertTrue(e.getMessage().startsWith(folder.toString()), e.getMessage());
      }
      long allocated = Mutator.allocatedBytes() - before;
      assertTrue(
          allocated < ALLOWED_BYTES + ALLOWED_PER_BYTE * content.length,
          () -> allocated + " bytes for " + new String(content, StandardCharsets.UTF_8));
    }
    assertTrue(opened > files / 100 && opened < files / 2, opened + " folders opened");
  }

  @Test
  void hostileHeadersOfAMegabyteCostLittle() throws IOException {
    int count = 1 << 20;
    for (String header :
        List.of(
            "{\"a\":{\"shape\":[" + "0,".repeat(count / 2) + "0]}}",
            "{\"a\":{\"shape\":[" + "99999999,".repeat(count / 9) + "0]}}",
            "{\"a\":{\"x\":[" + "{},".repeat(count / 3) + "0]}}",
            "{\"a\":{\"x\":[" + "[".repeat(count),
            "{\"" + "a".repeat(count) + "\":{}}",
            "{\"a\":{\"dtype\":\"" + "F".repeat(count) + "\"}}",
            "{\"a\":{\"shape\":[" + "9".repeat(count) + "]}}",
            "{" + " ".repeat(count) + "}",
            "{"
                + "\"n\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
                    .repeat(count / 60))) {
      Path file = TestFiles.write(folder.resolve("x"), safetensors(header, 0));
      long before = Mutator.allocatedBytes();
      opens(file);
      long allocated = Mutator.allocatedBytes() - before;
      assertTrue(
          allocated < ALLOWED_PER_BYTE * Files.size(file),
          () -> allocated + " bytes for " + header.substring(0, 40));
    }
  }

  @Test
  void aHeaderLengthCostsNothingBeforeItIsChecked() throws IOException {
    Path file = folder.resolve("x");
    for (long length : LENGTHS) {
      ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
      Files.write(file, word.array());
      long before = Mutator.allocatedBytes();
      assertThrows(CheckpointException.class, () -> Safetensors.open(file));
      assertTrue(Mutator.allocatedBytes() - before < ALLOWED_BYTES);
    }
  }

  @Test
  void aFiveGigabyteShardIsOpenedAtTheCostOfItsHeader() throws IOException {
    Path file = folder.resolve("x");
    StringBuilder header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
    long bytes = 11_000_000;
    for (int i = 0; i < 453; i++) {
      header.append(
          ",\"model.layers.%d.self_attn.q_proj.weight\":{\"dtype\":\"BF16\",\"shape\":[%d],\"data_offsets\":[%d,%d]}"
              .formatted(i, bytes / 2, i * bytes, (i + 1) * bytes));
    }
    byte[] start = safetensors(header.append('}').toString(), 0);
    try (FileChannel sparse =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      sparse.write(ByteBuffer.wrap(start));
      sparse.write(ByteBuffer.allocate(1), start.length + 453 * bytes - 1);
    }
    long before = Mutator.allocatedBytes();
    try (Safetensors opened = Safetensors.open(file)) {
      assertEquals(453, opened.tensors().size());
    }
    long allocated = Mutator.allocatedBytes() - before;
    assertTrue(allocated < 20L * start.length, allocated + " bytes");
  }
}
