package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.spec;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFolderWriterTest {
  private static final List<TensorSpec> TENSORS =
      List.of(
          spec("w.10", DType.F16, 6),
          spec("w.9", DType.F16, 4),
          spec("big", DType.F16, 50),
          spec("empty", DType.F16, 0),
          spec("b", DType.F32, 2));

  @TempDir Path temporary;

  private static void write(Path folder, List<TensorSpec> tensors, long maxShardBytes)
      throws IOException {
    try (ModelFolderWriter writer = ModelFolderWriter.create(folder, tensors, maxShardBytes)) {
      for (TensorSpec tensor : writer.order()) {
        writer.write(tensor.name(), TestFiles.randomBytes(tensor));
      }
      writer.addFile("config.json", "{}".getBytes(StandardCharsets.UTF_8));
      writer.finish();
    }
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static void assertHolds(Path folder, List<TensorSpec> tensors) throws IOException {
    try (ModelFolder opened = ModelFolder.open(folder)) {
      assertEquals(tensors.size(), opened.tensors().size());
      for (TensorSpec tensor : tensors) {
        ByteBuffer bytes = ByteBuffer.allocate((int) tensor.byteSize());
        opened.read(opened.tensors().get(tensor.name()), 0, bytes);
        assertEquals(TestFiles.randomBytes(tensor).asByteBuffer(), bytes.flip(), tensor.name());
      }
    }
  }

  @Test
  void whatFitsIntoOneFileHasNoIndex() throws IOException {
    Path folder = temporary.resolve("new/folder");
    write(folder, TENSORS, ModelFolderWriter.MAX_SHARD_BYTES);
    assertEquals(List.of("config.json", "model.safetensors"), files(folder));
    assertHolds(folder, TENSORS);
  }

  /** The split, the names and the index are those of transformers' own function. */
  @Test
  void shardsAndIndexAreLaidOutAsTransformersDoes() throws IOException {
    write(temporary, TENSORS, 20);
    assertEquals(
        """
        {
          "metadata": {
            "total_size": 128
          },
          "weight_map": {
            "b": "model-00003-of-00003.safetensors",
            "big": "model-00001-of-00003.safetensors",
            "empty": "model-00002-of-00003.safetensors",
            "w.10": "model-00002-of-00003.safetensors",
            "w.9": "model-00002-of-00003.safetensors"
          }
        }
        """,
        Files.readString(temporary.resolve("model.safetensors.index.json")));
    assertHolds(temporary, TENSORS);
  }

  @Test
  void olderWeightsUnderOtherNamesAreRemovedInTheEndOnly() throws IOException {
    write(temporary, TENSORS, 20);
    List<TensorSpec> others = List.of(spec("w.10", DType.F32, 3));
    Files.writeString(temporary.resolve("tokenizer.json"), "{}");
    ModelFolderWriter writer = ModelFolderWriter.create(temporary, others, 100);
    writer.write("w.10", TestFiles.randomBytes(others.get(0)));
    assertHolds(temporary, TENSORS);
    writer.finish();
    writer.close();
    assertEquals(List.of("config.json", "model.safetensors", "tokenizer.json"), files(temporary));
    assertHolds(temporary, others);

    write(temporary, TENSORS, 20);
    assertFalse(Files.exists(temporary.resolve("model.safetensors")));
    assertHolds(temporary, TENSORS);
  }

  @Test
  void aFolderThatIsNotFinishedStaysAsItWas() throws IOException {
    write(temporary, TENSORS, 20);
    List<String> before = files(temporary);
    try (ModelFolderWriter writer = ModelFolderWriter.create(temporary, TENSORS, 20)) {
      writer.addFile("config.json", "new".getBytes(StandardCharsets.UTF_8));
      writer.write("big", TestFiles.randomBytes(TENSORS.get(2)));
      assertThrows(IllegalStateException.class, writer::finish);
    }
    assertEquals(before, files(temporary));
    assertEquals("{}", Files.readString(temporary.resolve("config.json")));
    assertHolds(temporary, TENSORS);
  }

  @Test
  void namesThatLeadElsewhereAreRefused() throws IOException {
    try (ModelFolderWriter writer = ModelFolderWriter.create(temporary, TENSORS, 20)) {
      for (String name :
          List.of("../config.json", "sub/config.json", "model.safetensors", "..", "")) {
        assertThrows(IllegalArgumentException.class, () -> writer.addFile(name, new byte[1]), name);
      }
    }
    assertEquals(List.of(), files(temporary));
    List<TensorSpec> twice = List.of(TENSORS.get(0), TENSORS.get(2), TENSORS.get(0));
    assertThrows(
        IllegalArgumentException.class, () -> ModelFolderWriter.create(temporary, twice, 20));
    assertThrows(
        IllegalArgumentException.class, () -> ModelFolderWriter.create(temporary, List.of(), 20));
  }
}
