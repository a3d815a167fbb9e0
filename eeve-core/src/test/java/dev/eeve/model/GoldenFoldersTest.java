package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.eeve.Golden;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SequencedMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class GoldenFoldersTest {
  @SuppressWarnings("unused") // by name, below
  private static final java.util.List<String> MODELS = Golden.MODELS;

  @ParameterizedTest
  @FieldSource("MODELS")
  void configNamesAndFilesOfEveryGoldenModelAgree(String model) throws IOException {
    Path path = Golden.folder(model);
    PhiConfig config = PhiConfig.read(path.resolve("config.json"));
    try (ModelFolder folder = ModelFolder.open(path)) {
      SequencedMap<String, ResolvedTensor> tensors =
          PhiTensorNames.resolve(path, folder.tensors(), config.dimensions());
      assertEquals(5 + 14 * config.numHiddenLayers(), tensors.size());
      long elements =
          tensors.values().stream()
              .mapToLong(tensor -> tensor.byteSize() / tensor.source().dtype().bytes())
              .sum();
      assertEquals(config.parameterCount(), elements);
    }
  }
}
