package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.ByteTokenizer;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.Mutator;
import dev.eeve.adapter.LoraAdapter;
import dev.eeve.adapter.LoraConfig;
import dev.eeve.adapter.RandomAdapter;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("alone")
class DecodeAllocationTest {
  private static final int TOKENS = 200;

  /** A token, its text and their holders; far below the logits' 2 KB. */
  private static final long BYTES_PER_TOKEN = 512;

  /** Compilation runs beside the steps; after this much time it must have caught up. */
  private static final long PATIENCE_NANOS = 60_000_000_000L;

  @Test
  void aStepAllocatesItsTokenAndNothingThatGrowsWithTheModelOrTheText() throws IOException {
    GenerationConfig greedy = GenerationConfig.greedy(TOKENS).withIgnoreEos(true);
    GenerationConfig sampled =
        greedy.withTemperature(1f).withTopK(100).withTopP(0.9f).withRepetitionPenalty(1.1f);
    LoraConfig lora = new LoraConfig(4, 8, 0, false, LoraConfig.ALL_LINEAR, List.of());
    try (Arena arena = Arena.ofShared();
        LanguageModel model =
            LanguageModel.of(
                PhiModel.random(PhiConfigs.small(), ElementType.BF16, 1, 1),
                Optional.of(ByteTokenizer.make()),
                LoadOptions.defaults().withThreads(1))) {
      LoraAdapter adapter = RandomAdapter.of(arena, model.phi().config().dimensions(), lora, 1);
      for (GenerationConfig config : new GenerationConfig[] {greedy, sampled}) {
        assertAllocatesLittle(model, config);
        assertAllocatesLittle(model.withAdapters(adapter, adapter), config);
      }
    }
    for (ElementType type : new ElementType[] {ElementType.F16, ElementType.Q8_0}) {
      try (LanguageModel model =
          LanguageModel.of(
              PhiModel.random(PhiConfigs.small(), ElementType.BF16, 1, 1),
              Optional.of(ByteTokenizer.make()),
              LoadOptions.defaults().withThreads(1).withCacheType(type))) {
        assertAllocatesLittle(model, greedy);
      }
    }
  }

  private static void assertAllocatesLittle(LanguageModel model, GenerationConfig config) {
    long start = System.nanoTime();
    long bytes;
    do {
      bytes = bytesPerToken(model, config);
    } while (bytes > BYTES_PER_TOKEN && System.nanoTime() - start < PATIENCE_NANOS);
    assertTrue(bytes <= BYTES_PER_TOKEN, bytes + " bytes a token");
  }

  /** Of all tokens after the second, when every buffer has been grown. */
  private static long bytesPerToken(LanguageModel model, GenerationConfig config) {
    long before = 0;
    int count = 0;
    try (TokenStream stream = model.stream(new int[] {1, 2, 3}, config)) {
      for (GeneratedToken token : stream) {
        if (++count == 2 && token.id() >= 0) {
          before = Mutator.allocatedBytes();
        }
      }
      return (Mutator.allocatedBytes() - before) / (count - 2);
    }
  }
}
