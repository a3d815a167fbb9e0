package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.ByteTokenizer;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TokenStreamTest {
  private static final int CONTEXT = 64;
  private static final PhiConfig CONFIG = PhiConfigs.shape(300, 64, 128, 2, 4, CONTEXT);
  private static final int[] PROMPT = {5, 6, 7};

  private LanguageModel model;

  @BeforeEach
  void open() throws IOException {
    PhiModel phi = PhiModel.random(CONFIG, ElementType.F32, 3, 1);
    model =
        LanguageModel.of(
            phi, Optional.of(ByteTokenizer.make()), LoadOptions.defaults().withThreads(2));
  }

  @AfterEach
  void close() {
    model.close();
  }

  /** Settings whose hook makes the tokens come that are given, one by one. */
  private static GenerationConfig forced(int... ids) {
    return GenerationConfig.greedy(ids.length)
        .withHook((tokens, count, logits) -> logits[ids[count - PROMPT.length]] = 1e9f);
  }

  private static GenerationConfig forced(String text) {
    return forced(ByteTokenizer.ids(text));
  }

  private List<String> pieces(GenerationConfig config) {
    List<String> pieces = new ArrayList<>();
    try (TokenStream stream = model.stream(PROMPT, config)) {
      stream.forEach(token -> pieces.add(token.text()));
      assertEquals(String.join("", pieces), stream.result().text());
    }
    return pieces;
  }

  @Test
  void textComesInWholeCharactersAndAnUnfinishedLastOneIsLeftOut() {
    assertEquals(
        List.of("", "", "가", "", "", "", "😀", "b", "", ""),
        pieces(forced("가😀b" + "나").withMaxNewTokens(10)));
    Generation all = model.generate(PROMPT, forced("가나").withMaxNewTokens(5));
    assertEquals("가", all.text());
    assertEquals(5, all.tokens().size());
    assertEquals(FinishReason.LENGTH, all.finishReason());
    assertEquals(List.of(5, 6, 7), all.promptTokens());
  }

  @Test
  void aStopStringAcrossTokensEndsTheTextBeforeItsFirstAppearance() {
    GenerationConfig config = forced("네\nHuman: 더").withStop(": 더").withStop("\nHuman:");
    Generation stopped = model.generate(PROMPT, config);
    assertEquals("네", stopped.text());
    assertEquals(FinishReason.STOP, stopped.finishReason());
    assertEquals(ByteTokenizer.ids("네\nHuman:").length, stopped.tokens().size());
    assertEquals("네", String.join("", pieces(config)));
    Generation almost = model.generate(PROMPT, forced("a\nHuma").withStop("\nHuman:"));
    assertEquals("a\nHuma", almost.text(), "what was held back comes at the end");
    assertEquals(FinishReason.LENGTH, almost.finishReason());
  }

  @Test
  void specialTokensAreTokensAndNoText() {
    Generation goOn = model.generate(PROMPT, forced(98, 0, 99).withIgnoreEos(true));
    assertEquals(List.of(98, 0, 99), goOn.tokens());
    assertEquals("ab", goOn.text());
    Generation ended = model.generate(PROMPT, forced(98, 0, 99));
    assertEquals(List.of(98, 0), ended.tokens());
    assertEquals("a", ended.text());
    assertEquals(FinishReason.EOS, ended.finishReason());
  }

  @Test
  void anyOfSeveralEosTokensEndsAText() throws IOException {
    PhiConfig several =
        PhiConfig.parse(
            java.nio.file.Path.of("config.json"),
            new String(CONFIG.toJson(), java.nio.charset.StandardCharsets.UTF_8)
                .replace("\"eos_token_id\": 0", "\"eos_token_id\": [0, 98]")
                .getBytes(java.nio.charset.StandardCharsets.UTF_8));
    try (LanguageModel other =
        LanguageModel.of(
            PhiModel.random(several, ElementType.F32, 3, 1),
            Optional.empty(),
            LoadOptions.defaults().withThreads(1))) {
      assertEquals(List.of(0, 98), other.eosTokenIds());
      assertEquals(2, other.generate(PROMPT, forced(97, 98, 99)).tokens().size());
      assertEquals(1, other.generate(PROMPT, forced(0, 98, 99)).tokens().size());
      assertThrows(
          IllegalArgumentException.class,
          () -> other.generate(PROMPT, GenerationConfig.greedy(1).withStop("x")));
    }
  }

  @Test
  void rowsWithoutATokenAreNeverGenerated() {
    GenerationConfig config =
        GenerationConfig.sampled(50, 3f, 1)
            .withIgnoreEos(true)
            .withHook((tokens, count, logits) -> Arrays.fill(logits, 257, 300, 50f));
    for (int id : model.generate(PROMPT, config).tokens()) {
      assertTrue(id < ByteTokenizer.SIZE, "id " + id);
    }
  }

  @Test
  void noNewTokensMeansNoWork() {
    AtomicInteger calls = new AtomicInteger();
    GenerationConfig config =
        GenerationConfig.greedy(0).withHook((tokens, count, logits) -> calls.incrementAndGet());
    Generation none = model.generate(PROMPT, config);
    assertEquals(List.of(), none.tokens());
    assertEquals("", none.text());
    assertEquals(FinishReason.LENGTH, none.finishReason());
    assertEquals(0, calls.get());
    assertEquals(0, none.promptNanos());
  }

  @Test
  void aPromptThatCannotBeReadIsAnErrorBeforeAnyWork() {
    GenerationConfig config = GenerationConfig.greedy(1);
    assertEquals(
        "prompt: 65 tokens, the context holds 64; shorten it",
        assertThrows(IllegalArgumentException.class, () -> model.stream(new int[65], config))
            .getMessage());
    int[] wrong = new int[60];
    wrong[59] = 300;
    assertEquals(
        "tokens: id 300 at 59, needed 0 to 299",
        assertThrows(IllegalArgumentException.class, () -> model.stream(wrong, config))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> model.stream(new int[0], config));
    Generation full = model.generate(new int[CONTEXT], config);
    assertEquals(FinishReason.LENGTH, full.finishReason());
  }

  @Test
  void leavingTheLoopAndCancelBothEndAStream() {
    GenerationConfig config = GenerationConfig.greedy(50).withIgnoreEos(true);
    try (TokenStream left = model.stream(PROMPT, config);
        TokenStream cancelled = model.stream(PROMPT, config)) {
      for (GeneratedToken token : left) {
        assertTrue(token.id() >= 0);
        break;
      }
      assertEquals(FinishReason.CANCELLED, left.result().finishReason());
      assertEquals(1, left.result().tokens().size());
      int seen = 0;
      for (GeneratedToken token : cancelled) {
        assertTrue(token.id() >= 0);
        if (++seen == 3) {
          CompletableFuture.runAsync(cancelled::cancel).join();
        }
      }
      assertEquals(3, seen);
      assertEquals(FinishReason.CANCELLED, cancelled.finishReason().orElseThrow());
      assertThrows(IllegalStateException.class, cancelled::iterator);
    }
    try (TokenStream stream = model.stream(PROMPT, config)) {
      assertEquals(7, stream.stream().limit(7).count());
    }
  }

  @Test
  void theHookSeesTheLogitsAModelGives() {
    List<float[]> seen = new ArrayList<>();
    GenerationConfig config =
        GenerationConfig.greedy(2)
            .withIgnoreEos(true)
            .withHook((tokens, count, logits) -> seen.add(logits.clone()));
    List<Integer> tokens = model.generate(PROMPT, config).tokens();
    try (Session session = model.session(8)) {
      session.append(PROMPT, 0, 3);
      assertArrayEquals(session.logits(), seen.get(0));
      session.append(new int[] {tokens.get(0)}, 0, 1);
      assertArrayEquals(session.logits(), seen.get(1));
    }
  }

  @Test
  void aContextThatIsKeptRewoundAndContinuedGivesTheBitsOfAFreshOne() {
    GenerationConfig config = GenerationConfig.greedy(20).withIgnoreEos(true);
    try (Session kept = model.session(CONTEXT);
        Session fresh = model.session(CONTEXT)) {
      int[] heard;
      try (TokenStream stream = model.stream(kept, PROMPT, config)) {
        Iterator<GeneratedToken> tokens = stream.iterator();
        heard = new int[] {tokens.next().id(), tokens.next().id(), tokens.next().id()};
      }
      assertEquals(6, kept.position(), "a cancelled stream leaves all its tokens in the context");
      fresh.append(PROMPT, 0, 3);
      fresh.append(heard, 0, 3);
      assertArrayEquals(fresh.logits(), kept.logits());
      kept.rewind(2);
      fresh.rewind(0);
      int[] other = {9, 8, 7, 6};
      fresh.append(PROMPT, 0, 2);
      fresh.append(other, 0, 4);
      kept.append(other, 0, 4);
      assertArrayEquals(fresh.logits(), kept.logits());
      assertThrows(
          IllegalArgumentException.class,
          () -> model.stream(kept, new int[CONTEXT - 5], config).close());
      try (TokenStream rest = model.stream(kept, new int[] {1}, config.withMaxNewTokens(99))) {
        assertEquals(FinishReason.LENGTH, rest.finish().finishReason());
      }
      assertEquals(CONTEXT, kept.position());
    }
  }

  @Test
  void whatAContextHoldsCountsAsSeen() {
    List<List<Integer>> seen = new ArrayList<>();
    GenerationConfig config =
        GenerationConfig.greedy(12)
            .withIgnoreEos(true)
            .withRepetitionPenalty(1.5f)
            .withHook(
                (tokens, count, logits) ->
                    seen.add(Arrays.stream(tokens, 0, count).boxed().toList()));
    int[] whole = {5, 6, 7, 8, 9};
    Generation expected = model.generate(whole, config);
    List<List<Integer>> expectedSeen = List.copyOf(seen);
    seen.clear();
    try (Session session = model.session(CONTEXT)) {
      session.append(whole, 0, 3);
      try (TokenStream stream = model.stream(session, new int[] {8, 9}, config)) {
        Generation found = stream.finish();
        assertEquals(expected.tokens(), found.tokens());
        assertEquals(List.of(8, 9), found.promptTokens());
      }
      assertEquals(expectedSeen, seen);
    }
  }

  @Test
  void aPromptThatIsRefusedLeavesTheContextAsItWas() {
    GenerationConfig config = GenerationConfig.greedy(1);
    try (Session session = model.session(8)) {
      session.append(PROMPT, 0, 3);
      for (int[] wrong : new int[][] {new int[9], {299, -1}, {}}) {
        assertThrows(
            IllegalArgumentException.class, () -> model.streamWithPrefix(session, wrong, config));
        assertEquals(3, session.position());
      }
    }
  }

  @Test
  void closingEndsRunningGenerationsAtTheirNextTokenAndWaits() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    GenerationConfig config =
        GenerationConfig.greedy(60)
            .withIgnoreEos(true)
            .withHook(
                (tokens, count, logits) -> {
                  if (count > 8) {
                    inside.countDown();
                    pause();
                  }
                });
    CompletableFuture<Generation> running =
        CompletableFuture.supplyAsync(() -> model.generate(PROMPT, config));
    assertTrue(inside.await(30, TimeUnit.SECONDS));
    model.close();
    Generation ended = running.get(30, TimeUnit.SECONDS);
    assertEquals(FinishReason.CLOSED, ended.finishReason());
    assertTrue(ended.tokens().size() < 60);
    assertThrows(IllegalStateException.class, () -> model.generate(PROMPT, config));
    assertThrows(IllegalStateException.class, () -> model.score(PROMPT));
    assertThrows(IllegalStateException.class, () -> model.session(8));
    model.close();
  }

  private static void pause() {
    try {
      Thread.sleep(5);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aHookMayCloseTheModel() {
    GenerationConfig config =
        GenerationConfig.greedy(9)
            .withIgnoreEos(true)
            .withHook((tokens, count, logits) -> model.close());
    Generation ended = model.generate(PROMPT, config);
    assertEquals(FinishReason.CLOSED, ended.finishReason());
    assertEquals(1, ended.tokens().size());
  }

  @Test
  void aContextOfAClosedModelRefusesWork() {
    try (Session session = model.session(8)) {
      session.append(PROMPT, 0, 3);
      model.close();
      assertThrows(IllegalStateException.class, () -> session.append(PROMPT, 0, 1));
      assertThrows(IllegalStateException.class, session::logits);
    }
  }

  @Test
  void theInstructTemplateIsTheModelCards() {
    assertEquals(
        "A chat between a curious user and an artificial intelligence assistant. The assistant"
            + " gives helpful, detailed, and polite answers to the user's questions.\n"
            + "Human: 안녕?\n"
            + "Assistant:\n",
        PromptTemplate.EEVE_INSTRUCT.apply("안녕?"));
  }
}
