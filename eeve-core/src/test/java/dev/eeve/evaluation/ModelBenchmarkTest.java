package dev.eeve.evaluation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Golden;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.KeptTypes;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelBenchmarkTest {
  @Test
  void theKnownShapesHaveTheirKnownParameters() {
    assertEquals(2_779_683_840L, PhiConfig.phi2().parameterCount());
    assertEquals(2_819_340_864L, PhiConfig.eeve2_8b().parameterCount());
  }

  @Test
  void aStepReadsEveryTensorButTheEmbeddingAndTheCacheUpToItself() {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    long weights = (2_819_340_864L - 58_944L * 2560) * 2;
    long position = 32L * 2 * 2560 * 4;
    KeptTypes types = KeptTypes.of(eeve, ElementType.BF16);
    assertEquals(weights + 11 * position, ModelBenchmark.decodeBytesPerToken(eeve, types, 10, 1));
    assertEquals(weights + 12 * position, ModelBenchmark.decodeBytesPerToken(eeve, types, 10, 3));
  }

  @Test
  void quantizedWeightsCountAsTheirFileHasThem() {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    long matrices = 32L * (4 * 2560 * 2560 + 2 * 2560 * 10_240) + 58_944L * 2560;
    long vectors = 2_819_340_864L - matrices - 58_944L * 2560;
    long position = 32L * 2 * 2560 * 4;
    assertEquals(
        matrices / 32 * 18 + vectors * 4 + 11 * position,
        ModelBenchmark.decodeBytesPerToken(eeve, KeptTypes.of(eeve, ElementType.Q4_0), 10, 1));
  }

  @Test
  void aPromptComputesTheLayersTheCausalHalfAndOneHead() {
    PhiConfig eeve = PhiConfig.eeve2_8b();
    long body = 32L * (4 * 2560 * 2560 + 2 * 2560 * 10_240);
    long head = 58_944L * 2560;
    assertEquals(2 * body + 32 * 4 * 2560 + 2 * head, ModelBenchmark.promptFlopsPerToken(eeve, 1));
    assertEquals(
        2 * body + 32 * 4 * 2560 * 2 + 2 * head / 3, ModelBenchmark.promptFlopsPerToken(eeve, 3));
  }

  @Test
  void aRunTellsItsOwnSizesAndPositiveSpeeds() throws IOException {
    Path folder = Golden.folder("tiny-bf16-head80");
    try (PhiModel model = PhiModel.open(folder, Optional.empty(), 2);
        WorkerPool pool = new WorkerPool(2)) {
      ModelBenchmark.Result result =
          ModelBenchmark.run("tiny", model, 12.5, pool, Blocking.defaults(), 8, 4);
      assertEquals("tiny", result.shape());
      assertEquals(ElementType.BF16, result.dtype());
      assertEquals(2, result.threads());
      assertEquals(12.5, result.loadMs());
      assertEquals(8, result.promptTokens());
      assertEquals(model.config().parameterCount(), result.parameters());
      assertTrue(result.promptTokensPerS() > 0 && result.decodeTokensPerS() > 0);
      assertTrue(result.fmaPeakGflops() > 0 && result.readGbPerS() > 0);
      assertTrue(result.promptShareOfPeak() > 0 && result.decodeShareOfReadRate() > 0);
      assertEquals(Files.exists(Path.of("/proc/self/status")), result.peakRssBytes().isPresent());
      result.peakRssBytes().ifPresent(bytes -> assertTrue(bytes > 1 << 20));
    }
  }

  @Test
  void noTokensToMeasureIsRefusedByName() throws IOException {
    try (PhiModel model = PhiModel.open(Golden.folder("tiny-f32"), Optional.empty(), 1);
        WorkerPool pool = new WorkerPool(1)) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> ModelBenchmark.run("tiny", model, 0, pool, Blocking.defaults(), 8, 0));
      assertEquals("decodeTokens: 0, needed at least 1", e.getMessage());
    }
  }
}
