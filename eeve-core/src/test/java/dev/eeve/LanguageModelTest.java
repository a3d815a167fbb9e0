package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.generation.FinishReason;
import dev.eeve.generation.GeneratedToken;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.TokenStream;
import dev.eeve.model.Session;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class LanguageModelTest {
  private static final int[] PROMPT = {145, 154, 70, 132, 116, 169, 14, 209};
  private static final GenerationConfig GREEDY = GenerationConfig.greedy(24).withIgnoreEos(true);

  private static LanguageModel open() throws IOException {
    return LanguageModel.open(Golden.folder("tiny-f32"), LoadOptions.defaults().withThreads(2));
  }

  @Test
  void aTokenThatEndsADocumentEndsTheGeneration() throws IOException {
    try (LanguageModel model = open()) {
      List<Integer> all = model.generate(PROMPT, GREEDY).tokens();
      Generation ended = model.generate(PROMPT, GREEDY.withIgnoreEos(false));
      assertEquals(FinishReason.EOS, ended.finishReason());
      assertEquals(all.subList(0, all.indexOf(0) + 1), ended.tokens());
    }
  }

  @Test
  void generationStopsAtTheContextAndALongerPromptIsRefused() throws IOException {
    try (LanguageModel model = open()) {
      Generation all = model.generate(PROMPT, GREEDY.withMaxNewTokens(1000));
      assertEquals(FinishReason.LENGTH, all.finishReason());
      assertEquals(128 - PROMPT.length, all.tokens().size());
      assertThrows(IllegalArgumentException.class, () -> model.generate(new int[129], GREEDY));
    }
  }

  @Test
  void aKeptContextContinuesAsOneText() throws IOException {
    try (LanguageModel model = open();
        Session session = model.session(128)) {
      List<Integer> expected = model.generate(PROMPT, GREEDY).tokens();
      List<Integer> first;
      try (TokenStream stream = model.stream(session, PROMPT, GREEDY.withMaxNewTokens(10))) {
        first = stream.finish().tokens();
      }
      assertEquals(expected.subList(0, 10), first);
      assertEquals(PROMPT.length + 10, session.position());
      session.rewind(session.position() - 1);
      int[] last = {first.get(9)};
      try (TokenStream stream = model.stream(session, last, GREEDY.withMaxNewTokens(14))) {
        assertEquals(expected.subList(10, 24), stream.finish().tokens());
      }
    }
  }

  @Test
  void callersAtOnceGetTheTokensOfOneAlone() throws Exception {
    try (LanguageModel model = open();
        ExecutorService callers = Executors.newFixedThreadPool(8)) {
      List<Integer> expected = model.generate(PROMPT, GREEDY).tokens();
      List<Callable<List<Integer>>> work = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        work.add(() -> model.generate(PROMPT, GREEDY).tokens());
      }
      for (Future<List<Integer>> result : callers.invokeAll(work)) {
        assertEquals(expected, result.get());
      }
    }
  }

  @Test
  void closingEndsARunningGenerationAndRefusesNewOnes() throws IOException {
    LanguageModel model = open();
    try (TokenStream stream = model.stream(PROMPT, GREEDY)) {
      Iterator<GeneratedToken> tokens = stream.iterator();
      assertTrue(tokens.hasNext());
      tokens.next();
      model.close();
      assertFalse(tokens.hasNext());
      assertEquals(FinishReason.CLOSED, stream.finishReason().orElseThrow());
    }
    assertThrows(IllegalStateException.class, () -> model.generate(PROMPT, GREEDY));
  }

  @Test
  void theSameSeedGivesTheSameSampleAndTopOneIsGreedy() throws IOException {
    try (LanguageModel model = open()) {
      GenerationConfig sampled =
          GenerationConfig.sampled(24, 2f, 42).withIgnoreEos(true).withTopP(0.9f).withMinP(0.01f);
      List<Integer> first = model.generate(PROMPT, sampled).tokens();
      assertEquals(first, model.generate(PROMPT, sampled).tokens());
      assertFalse(first.equals(model.generate(PROMPT, sampled.withSeed(43)).tokens()));
      assertEquals(
          model.generate(PROMPT, GREEDY).tokens(),
          model.generate(PROMPT, sampled.withTopK(1)).tokens());
    }
  }
}
