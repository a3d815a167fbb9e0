package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.assertRefused;
import static dev.eeve.checkpoint.TestFiles.spec;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Mutator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a GGUF file holds, opening it ends soon, in success or in one kind of exception. */
@Timeout(60) // a hang fails instead of stopping the build
class HostileGgufTest {
  private static final long ALLOWED_BYTES = 1_000_000;
  private static final long ALLOWED_PER_BYTE = 100;

  private static final long[] WORDS = {
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    13,
    31,
    32,
    33,
    255,
    1L << 16,
    (1L << 24) + 1,
    Integer.MAX_VALUE,
    1L << 31,
    1L << 32,
    1L << 60,
    1L << 62,
    Long.MAX_VALUE - 8,
    Long.MAX_VALUE,
    -1,
    Long.MIN_VALUE
  };

  @TempDir Path folder;

  private byte[] good;

  /** The first call of all allocates megabytes for classes. */
  @BeforeEach
  void makeAGoodFileAndLoadClasses() throws IOException {
    Path file = GgufFiles.write(folder.resolve("good"), GgufFiles.keys(), GgufFiles.specs());
    good = Files.readAllBytes(file);
    assertTrue(opens(file));
    opens(Files.write(folder.resolve("bad"), Arrays.copyOf(good, 30)));
    opens(Files.write(folder.resolve("bad"), Arrays.copyOf(good, good.length - 1)));
  }

  private static boolean opens(Path file) throws IOException {
    try (Gguf opened = Gguf.open(file)) {
      for (TensorInfo tensor : opened.tensors().values()) {
        opened.read(tensor, 0, MemorySegment.ofArray(new byte[(int) tensor.byteSize()]));
      }
      return true;
    } catch (CheckpointException e) {
      assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
      assertTrue(e.getMessage().lines().count() == 1, e.getMessage());
      return false;
    }
  }

  private byte[] broken(Random random) {
    byte[] out = good.clone();
    int header = good.length - 500;
    for (int rounds = 1 + random.nextInt(3); rounds > 0; rounds--) {
      int at = random.nextInt(Math.max(1, Math.min(header, out.length - 8)));
      ByteBuffer words = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN);
      switch (random.nextInt(8)) {
        case 0 -> out = Arrays.copyOf(out, random.nextInt(out.length + 1));
        case 1 -> out = Arrays.copyOf(out, out.length + random.nextInt(100));
        case 2 -> out = cut(out, at, random.nextInt(16));
        case 3, 4 -> {
          if (out.length > 8) {
            words.putInt(at, (int) WORDS[random.nextInt(WORDS.length)]);
          }
        }
        case 5 -> {
          if (out.length > 8) {
            words.putLong(at, WORDS[random.nextInt(WORDS.length)]);
          }
        }
        default -> {
          if (out.length > 8) {
            out[at] ^= (byte) (1 << random.nextInt(8));
          }
        }
      }
    }
    return out;
  }

  private static byte[] cut(byte[] in, int at, int count) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int end = Math.min(in.length, at + count);
    out.write(in, 0, Math.min(at, in.length));
    out.write(in, end, in.length - end);
    return out.toByteArray();
  }

  /** Over the old content: truncating a file to nothing first makes some file systems flush it. */
  private static void overwrite(Path file, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(content));
      channel.truncate(content.length);
    }
  }

  @Test
  void aMutatedFileOpensOrIsRefused() throws IOException {
    Path file = folder.resolve("x");
    Random random = new Random(1);
    int opened = 0;
    int files = 12_000;
    for (int i = 0; i < files; i++) {
      byte[] content = broken(random);
      overwrite(file, content);
      long before = Mutator.allocatedBytes();
      boolean opens = opens(file);
      long allocated = Mutator.allocatedBytes() - before;
      assertTrue(
          allocated < ALLOWED_BYTES + ALLOWED_PER_BYTE * content.length,
          () -> allocated + " bytes for " + Arrays.toString(content));
      opened += opens ? 1 : 0;
    }
    // else the mutations are too tame, or too wild, to try anything
    assertTrue(opened > files / 100 && opened < files / 2, opened + " files opened");
  }

  @Test
  void aFileCutAnywhereIsRefused() throws IOException {
    Path file = folder.resolve("x");
    for (int length = 0; length < good.length - 32; length++) {
      Files.write(file, Arrays.copyOf(good, length));
      assertTrue(!opens(file), "cut at " + length);
    }
  }

  /** A header field by field. */
  private static final class Header {
    private final ByteBuffer out = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);

    static Header of(int version, long tensors, long keys) {
      Header header = new Header();
      header.out.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(version);
      header.out.putLong(tensors).putLong(keys);
      return header;
    }

    Header text(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      out.putLong(bytes.length).put(bytes);
      return this;
    }

    Header int32(int value) {
      out.putInt(value);
      return this;
    }

    Header int64(long value) {
      out.putLong(value);
      return this;
    }

    /** A tensor of one dimension. */
    Header tensor(String name, long length, int type, long offset) {
      return text(name).int32(1).int64(length).int32(type).int64(offset);
    }

    byte[] bytes(int data) {
      int aligned = (out.position() + 31) / 32 * 32;
      return Arrays.copyOf(out.array(), aligned + data);
    }
  }

  private void refused(byte[] content, String says) throws IOException {
    Path file = Files.write(folder.resolve("x"), content);
    assertRefused(file, says, () -> Gguf.open(file));
  }

  @Test
  void everyWayToBeWrongIsNamed() throws IOException {
    refused(
        "GGML and more".getBytes(StandardCharsets.US_ASCII),
        "does not begin with \"GGUF\"; needed");
    refused(Header.of(1, 0, 0).bytes(0), "version 1 of GGUF, needed 2 or 3");
    refused(Header.of(0x03000000, 0, 0).bytes(0), "big-endian");
    refused(Header.of(3, -1, 0).bytes(0), "the number of tensors: 18446744073709551615 at byte 8");
    refused(Header.of(3, 0, 1L << 40).bytes(0), "the number of keys: 1099511627776 at byte 16");
    refused(Header.of(3, 0, 60_000).bytes(0), "it is cut off");
    refused(Header.of(3, 0, 1).int64(1L << 50).bytes(64), "the name of key 0: 1125899906842624");
    refused(Header.of(3, 0, 1).text("k").int32(13).bytes(64), "key \"k\": type 13, needed 0 to 12");
    refused(Header.of(3, 0, 1).text("k").int32(8).int64(20_000_000).bytes(64), "key \"k\"");
    refused(Header.of(3, 0, 1).text("k").int32(7).int32(2).bytes(64), "2 as true or false");
    refused(Header.of(3, 0, 1).text("k").int32(9).int32(9).bytes(64), "an array of arrays");
    refused(
        Header.of(3, 0, 1).text("k").int32(9).int32(4).int64(1L << 30).bytes(64), "needed at most");
    refused(
        Header.of(3, 0, 1).text("k").int32(9).int32(4).int64(1 << 20).bytes(64), "it is cut off");
    refused(
        Header.of(3, 0, 2).text("k").int32(4).int32(1).text("k").int32(4).int32(1).bytes(0),
        "key \"k\": there twice");
    Header notUtf8 = Header.of(3, 0, 1).int64(1);
    notUtf8.out.put((byte) 0xFF);
    refused(notUtf8.bytes(64), "not valid UTF-8");
    for (int alignment : new int[] {0, 3, 1 << 20}) {
      refused(
          Header.of(3, 0, 1).text("general.alignment").int32(4).int32(alignment).bytes(0),
          "general.alignment: " + alignment + " found, needed a power of two");
    }
  }

  @Test
  void everyWayATensorCanBeWrongIsNamed() throws IOException {
    refused(
        Header.of(3, 1, 0).text("t").int32(5).bytes(64), "tensor \"t\": 5 dimensions, needed 1");
    refused(Header.of(3, 1, 0).text("t").int32(-1).bytes(64), "4294967295 dimensions");
    refused(Header.of(3, 1, 0).tensor("t", 4, 11, 0).bytes(64), "type Q3_K, needed F32");
    refused(Header.of(3, 1, 0).tensor("t", 4, 99, 0).bytes(64), "type number 99");
    refused(Header.of(3, 1, 0).tensor("t", -4, 0, 0).bytes(64), "dimension -4");
    refused(Header.of(3, 1, 0).tensor("t", 1L << 62, 0, 0).bytes(64), "overflows 64 bits");
    refused(Header.of(3, 1, 0).tensor("t", 33, 8, 0).bytes(64), "needed a multiple of 32");
    refused(Header.of(3, 1, 0).tensor("t", 4, 0, -32).bytes(64), "begins at byte 184467440737095");
    refused(Header.of(3, 1, 0).tensor("t", 4, 0, Long.MAX_VALUE - 31).bytes(64), "tensor \"t\"");
    refused(Header.of(3, 1, 0).tensor("t", 40, 0, 0).bytes(64), "ends at byte 160 of the data");
    refused(Header.of(3, 1, 0).tensor("t", 4, 0, 32).bytes(64), "begins at byte 32 of the data");
    refused(Header.of(3, 1, 0).tensor("t", 4, 0, 0).bytes(96), "its tensors end at 16");
    refused(
        Header.of(3, 2, 0).tensor("t", 4, 0, 0).tensor("u", 4, 0, 8).bytes(64),
        "tensor \"u\": begins at byte 8, inside tensor \"t\"");
    refused(
        Header.of(3, 2, 0).tensor("t", 4, 0, 0).tensor("u", 4, 0, 24).bytes(64),
        "needed 32, the multiple of 32 after tensor \"t\"");
    refused(
        Header.of(3, 2, 0).tensor("t", 4, 0, 0).tensor("t", 4, 0, 32).bytes(64),
        "tensor \"t\": there twice");
  }

  private static final PhiDimensions TINY = new PhiDimensions(8, 32, 32, 1, 2, 2);

  @Test
  void aFileWhoseTensorsAreNoPhiIsRefusedByName() throws IOException {
    List<TensorSpec> all =
        TINY.shapes().entrySet().stream()
            .map(e -> new TensorSpec(PhiTensorNames.gguf(e.getKey()), DType.F32, e.getValue()))
            .toList();
    resolves(all);
    tensorsRefused(without(all, "output.weight"), "output.weight\": missing; Phi does not share");
    tensorsRefused(without(all, "blk.0.attn_q.bias"), "missing, under this name and as \"blk.0.at");
    tensorsRefused(with(all, spec("rope_freqs.weight", DType.F32, 8)), "the phi2 keys");
    tensorsRefused(with(all, spec("blk.0.attn_qkv.bias", DType.F32, 96)), "is the model's model.l");
    tensorsRefused(
        with(without(all, "output.bias"), spec("output.bias", DType.Q8_0, 32)), "Q8_0 found");
    tensorsRefused(
        with(without(all, "output.weight"), spec("output.weight", DType.Q8_0, 9, 32)),
        "shape (9, 32) found, needed (8, 32); check the phi2 keys");
  }

  @Test
  void oldFilesFuseQueryKeyAndValue() throws IOException {
    List<TensorSpec> fused =
        TINY.shapes().entrySet().stream()
            .map(e -> new TensorSpec(PhiTensorNames.gguf(e.getKey()), DType.F32, e.getValue()))
            .filter(tensor -> !tensor.name().matches("blk.0.attn_[qkv]\\..*"))
            .toList();
    Map<String, ResolvedTensor> found =
        resolves(
            with(
                with(fused, spec("blk.0.attn_qkv.weight", DType.Q8_0, 96, 32)),
                spec("blk.0.attn_qkv.bias", DType.F32, 96)));
    ResolvedTensor value = found.get("model.layers.0.self_attn.v_proj.weight");
    assertTrue(value.byteOffset() == 64 * 34 && value.byteSize() == 32 * 34, value.toString());
    assertTrue(found.get("model.layers.0.self_attn.k_proj.bias").byteOffset() == 128);
  }

  private static List<TensorSpec> without(List<TensorSpec> all, String name) {
    return all.stream().filter(tensor -> !tensor.name().equals(name)).toList();
  }

  private static List<TensorSpec> with(List<TensorSpec> all, TensorSpec more) {
    return Stream.concat(all.stream(), Stream.of(more)).toList();
  }

  private Map<String, ResolvedTensor> resolves(List<TensorSpec> tensors) throws IOException {
    try (Gguf file = Gguf.open(GgufFiles.write(folder.resolve("y"), Map.of(), tensors))) {
      return PhiTensorNames.resolve(file, TINY);
    }
  }

  private void tensorsRefused(List<TensorSpec> tensors, String says) {
    assertRefused(folder.resolve("y"), says, () -> resolves(tensors));
  }
}
