package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.assertRefused;
import static dev.eeve.checkpoint.TestFiles.spec;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelFolderTest {
  private static final TensorSpec A = spec("a", DType.F32, 2);
  private static final TensorSpec B = spec("b", DType.BF16, 3);
  private static final TensorSpec C = spec("c", DType.F32, 1);

  @TempDir Path folder;

  private Path index(String weightMap) throws IOException {
    return Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"metadata\":{\"total_size\":1},\"weight_map\":" + weightMap + "}");
  }

  private void shards(TensorSpec... inTheSecond) throws IOException {
    TestFiles.write(folder.resolve("1.safetensors"), List.of(A, B));
    TestFiles.write(folder.resolve("2.safetensors"), List.of(inTheSecond));
    index("{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\",\"c\":\"2.safetensors\"}");
  }

  private void refused(Path file, String says) {
    assertRefused(file, says, () -> ModelFolder.open(folder));
  }

  @Test
  void aSingleFileIsRead() throws IOException {
    TestFiles.write(folder.resolve("model.safetensors"), List.of(A, B));
    try (ModelFolder opened = ModelFolder.open(folder)) {
      assertEquals(List.of("a", "b"), List.copyOf(opened.tensors().keySet()));
      byte[] found = new byte[8];
      opened.read(opened.tensors().get("a"), 0, ByteBuffer.wrap(found));
      assertArrayEquals((byte[]) TestFiles.randomBytes(A).heapBase().orElseThrow(), found);
    }
  }

  @Test
  void shardsAreReadEachFromItsFile() throws IOException {
    shards(C);
    ModelFolder opened = ModelFolder.open(folder);
    assertEquals(List.of("a", "b", "c"), List.copyOf(opened.tensors().keySet()));
    TensorInfo c = opened.tensors().get("c");
    assertEquals(folder.resolve("2.safetensors"), c.file());
    ByteBuffer found = ByteBuffer.allocate(4);
    opened.read(c, 0, found);
    assertEquals(TestFiles.randomBytes(C).asByteBuffer(), found.flip());
    opened.close();
    assertThrows(IllegalStateException.class, () -> opened.read(c, 0, ByteBuffer.allocate(4)));
  }

  @Test
  void theSingleFileIsPreferredToAnIndex() throws IOException {
    shards(C);
    TestFiles.write(folder.resolve("model.safetensors"), List.of(B));
    try (ModelFolder opened = ModelFolder.open(folder)) {
      assertEquals(List.of("b"), List.copyOf(opened.tensors().keySet()));
    }
  }

  @Test
  void filesLinkedToOutsideTheFolderAreRead() throws IOException {
    Path blobs = Files.createDirectories(folder.resolve("blobs"));
    Path snapshot = Files.createDirectories(folder.resolve("snapshots/main"));
    TestFiles.write(blobs.resolve("1234"), List.of(A));
    Files.createSymbolicLink(snapshot.resolve("model.safetensors"), Path.of("../../blobs/1234"));
    try (ModelFolder opened = ModelFolder.open(snapshot)) {
      assertEquals(1, opened.tensors().size());
    }
    Files.delete(blobs.resolve("1234"));
    assertRefused(
        snapshot.resolve("model.safetensors"),
        "a symbolic link to ../../blobs/1234, which does not exist",
        () -> ModelFolder.open(snapshot));
  }

  @Test
  void noFolderThere() {
    Path none = folder.resolve("none");
    assertRefused(none, "no such folder", () -> ModelFolder.open(none));
  }

  @Test
  void fileInsteadOfFolder() throws IOException {
    Path file = Files.createFile(folder.resolve("x.gguf"));
    assertRefused(file, "a file, needed a model folder", () -> ModelFolder.open(file));
  }

  @Test
  void folderWithoutWeights() {
    refused(folder, "no weights found, needed model.safetensors");
  }

  @Test
  void folderWithPickledWeightsOnly() throws IOException {
    Files.createFile(folder.resolve("pytorch_model.bin"));
    refused(folder, "only pytorch_model.bin found");
  }

  @Test
  void missingShard() throws IOException {
    shards(C);
    Files.delete(folder.resolve("2.safetensors"));
    refused(folder.resolve("2.safetensors"), "missing, model.safetensors.index.json names it");
  }

  @Test
  void brokenShard() throws IOException {
    shards(C);
    Files.writeString(folder.resolve("2.safetensors"), "x");
    refused(folder.resolve("2.safetensors"), "1 bytes, needed 8");
  }

  @Test
  void tensorMissingFromItsShard() throws IOException {
    shards(spec("d", DType.F32, 1));
    refused(folder.resolve("2.safetensors"), "tensor \"c\": missing");
  }

  @Test
  void tensorTheIndexLacks() throws IOException {
    shards(C, spec("d", DType.F32, 1));
    refused(folder.resolve("2.safetensors"), "tensor \"d\": model.safetensors.index.json does not");
  }

  @Test
  void tensorInTwoShards() throws IOException {
    shards(C, A);
    refused(folder.resolve("2.safetensors"), "tensor \"a\": is also in 1.safetensors");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x.safetensors",
        "/x.safetensors",
        "sub/x.safetensors",
        "sub\\\\x.safetensors",
        "C:x.safetensors",
        "\\u0000.safetensors",
        "\\ud800.safetensors",
        "..",
        ".",
        "",
        "x.bin"
      })
  void indexThatPointsOutsideTheFolder(String name) throws IOException {
    Path index = index("{\"a\":\"" + name + "\"}");
    refused(index, "tensor \"a\": weight_map gives");
  }

  @Test
  void indexThatIsNone() throws IOException {
    refused(index("{}"), "weight_map: needed an object");
    refused(index("[]"), "weight_map: needed an object");
    refused(index("{\"a\":1}"), "weight_map gives number");
    refused(index("{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}"), "Duplicate field 'a'");
    refused(index("{"), "not valid JSON");
    refused(Files.writeString(index(""), ""), "the document is empty");
    refused(Files.write(index(""), new byte[(16 << 20) + 1]), "bytes, needed at most 16777216");
  }
}
