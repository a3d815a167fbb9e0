package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.eeve.Golden;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.kernels.ElementType;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KernelWarmUpTest {
  @ParameterizedTest
  @EnumSource
  void everyTypeRunsToItsEnd(ElementType type) throws InterruptedException {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, e) -> failure.set(e));
    try (KernelWarmUp kernels = KernelWarmUp.start(type)) {
      kernels.await();
    } finally {
      Thread.setDefaultUncaughtExceptionHandler(before);
    }
    assertNull(failure.get());
  }

  @Test
  void closedItEndsSoon() {
    KernelWarmUp kernels = KernelWarmUp.start(ElementType.Q4_0);
    kernels.close();
    assertTimeoutPreemptively(Duration.ofMinutes(1), kernels::await);
  }

  @Test
  void tokensAreTheSameWithAndWithout() throws IOException {
    List<Integer> expected = tokens(LoadOptions.defaults());
    assertEquals(expected, tokens(LoadOptions.defaults().withWarmUp(true)));
  }

  private static List<Integer> tokens(LoadOptions options) throws IOException {
    try (LanguageModel model = LanguageModel.open(Golden.folder("tiny-f32"), options)) {
      return model.generate(new int[] {1, 2, 3}, GenerationConfig.greedy(20)).tokens();
    }
  }
}
