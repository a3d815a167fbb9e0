package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.ByteTokenizer;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.adapter.LoraAdapter;
import dev.eeve.adapter.LoraConfig;
import dev.eeve.adapter.RandomAdapter;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Simd;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PromptLookupDecodingTest {
  private static final int CONTEXT = 256;
  private static final PhiConfig CONFIG = PhiConfigs.shape(300, 64, 128, 2, 4, CONTEXT);
  private static final int[] PROMPT = ByteTokenizer.ids("abcdefgh, abcdefgh, ab");

  private LanguageModel model;

  @BeforeEach
  void open() throws IOException {
    PhiModel phi = PhiModel.random(CONFIG, ElementType.BF16, 3, 1);
    model =
        LanguageModel.of(
            phi, Optional.of(ByteTokenizer.make()), LoadOptions.defaults().withThreads(2));
  }

  @AfterEach
  void close() {
    model.close();
  }

  /** What a hook saw and a caller got. */
  private record Run(Generation all, List<String> pieces, List<Integer> hooks, int[] drafts) {}

  private Run run(int[] prompt, GenerationConfig config) {
    List<String> pieces = new ArrayList<>();
    List<Integer> hooks = new ArrayList<>();
    GenerationConfig watched =
        config.withHook(
            (tokens, count, logits) -> {
              hooks.add(31 * (31 * count + tokens[count - 1]) + Arrays.hashCode(logits));
              config.hook().accept(tokens, count, logits);
            });
    try (TokenStream stream = model.stream(prompt, watched)) {
      stream.forEach(token -> pieces.add(token.id() + token.text()));
      return new Run(stream.result(), pieces, hooks, stream.drafts());
    }
  }

  /** Tokens, pieces of text, reason, and each step's logits as a hook sees them. */
  private int[] assertSame(GenerationConfig config) {
    Run plain = run(PROMPT, config);
    Run lookup = run(PROMPT, config.withPromptLookup(true));
    assertEquals(plain.all.tokens(), lookup.all.tokens());
    assertEquals(plain.all.text(), lookup.all.text());
    assertEquals(plain.all.finishReason(), lookup.all.finishReason());
    assertEquals(plain.pieces, lookup.pieces);
    assertEquals(plain.hooks, lookup.hooks);
    assertEquals(0, plain.drafts[0]);
    return lookup.drafts;
  }

  /** Settings whose hook makes a text come. */
  private static GenerationConfig forced(String text) {
    int[] ids = ByteTokenizer.ids(text);
    return GenerationConfig.greedy(ids.length)
        .withHook((tokens, count, logits) -> logits[ids[count - PROMPT.length]] = 1e9f);
  }

  private static void assertDrafted(int[] drafts) {
    if (Simd.enabled()) {
      assertTrue(drafts[1] > 20, drafts[1] + " of " + drafts[0] + " accepted");
    } else {
      assertEquals(0, drafts[0], "scalar products of a block cost as much as single ones");
    }
  }

  @Test
  void whatTheModelSaysByItselfIsTheSame() {
    GenerationConfig greedy = GenerationConfig.greedy(150).withIgnoreEos(true);
    assertSame(greedy);
    assertSame(greedy.withMaxNewTokens(10_000));
    assertSame(greedy.withRepetitionPenalty(1.3f));
    assertSame(greedy.withTemperature(0.01f).withSeed(5));
    assertSame(greedy.withTemperature(2f).withTopK(20).withTopP(0.9f).withMinP(0.01f));
  }

  @Test
  void aCopiedTextIsTheSameAndDrafted() {
    String text = "cdefgh, abcdefgh, abcdefgh, abcXefgh, abcdefgh, abcdefgh, YY abcdefgh, abc";
    assertDrafted(assertSame(forced(text)));
    assertDrafted(assertSame(forced(text).withRepetitionPenalty(1.5f)));
    assertDrafted(assertSame(forced(text).withTemperature(1f).withSeed(9)));
    int[] drafts = assertSame(forced(text + "qwertyuiopasdfg" + text));
    assertTrue(!Simd.enabled() || drafts[0] > drafts[1], "some drafts were wrong");
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16", "Q8_0"})
  void narrowCachesGiveTheirOwnTokensWithAndWithoutDrafts(ElementType type) throws IOException {
    assertCopiesAreDrafted(ElementType.BF16, type);
  }

  @ParameterizedTest
  @EnumSource
  void everyTypeOfWeightsDrafts(ElementType type) throws IOException {
    assertCopiesAreDrafted(type, ElementType.F32);
  }

  private void assertCopiesAreDrafted(ElementType type, ElementType cacheType) throws IOException {
    model.close();
    model =
        LanguageModel.of(
            PhiModel.random(CONFIG, type, 3, 1),
            Optional.of(ByteTokenizer.make()),
            LoadOptions.defaults().withThreads(2).withCacheType(cacheType));
    String copy = "cdefgh, abcdefgh, abcdefgh, abcXefgh, abcdefgh, abcdefgh, YY abcdefgh, abc";
    assertDrafted(assertSame(forced(copy + copy)));
    assertSame(GenerationConfig.greedy(150).withIgnoreEos(true));
  }

  @Test
  void everyLimitOfTokensIsKept() {
    String text = "cdefgh, abcdefgh, abcdefgh, abcdefgh, abcdefgh";
    for (int most = 0; most <= text.length(); most++) {
      assertSame(forced(text).withMaxNewTokens(most));
    }
  }

  @Test
  void aStopStringOrAnEndInsideABlockOfDraftsEndsTheTextThere() {
    String text = "cdefgh, abcdefgh, abcdefgh, abcdefgh, abcdefgh, abc";
    for (String stop : List.of("gh, abcdefgh, abcdefgh, a", "h, abcdefgh, abcdefgh, abcd", "XX")) {
      assertSame(forced(text).withStop(stop));
    }
    for (int end : new int[] {0, 1, 25, 31, 38}) {
      int[] ids = ByteTokenizer.ids(text);
      ids[end] = 0;
      GenerationConfig config =
          GenerationConfig.greedy(ids.length)
              .withHook((tokens, count, logits) -> logits[ids[count - PROMPT.length]] = 1e9f);
      assertSame(config);
      assertSame(config.withIgnoreEos(true));
    }
  }

  @Test
  void theEndOfTheContextIsReachedAndNotPassed() {
    int[] ids = ByteTokenizer.ids("cdefgh, ab".repeat(40));
    GenerationConfig config =
        GenerationConfig.greedy(1000)
            .withHook((tokens, count, logits) -> logits[ids[count - PROMPT.length]] = 1e9f);
    assertDrafted(assertSame(config));
    assertEquals(
        CONTEXT - PROMPT.length, run(PROMPT, config.withPromptLookup(true)).all.tokens().size());
  }

  @Test
  void aKeptContextHoldsTheTextAndNoDrafts() {
    GenerationConfig config = forced("cdefgh, abcdefgh, abcdefgh, abcdefgh, abcdefgh, abc");
    try (Session kept = model.session(CONTEXT);
        Session fresh = model.session(CONTEXT)) {
      for (int taken : new int[] {1, 20, 21, 22, 23, 24, 40, 48}) {
        kept.rewind(0);
        fresh.rewind(0);
        int[] heard = new int[taken];
        try (TokenStream stream = model.stream(kept, PROMPT, config.withPromptLookup(true))) {
          Iterator<GeneratedToken> tokens = stream.iterator();
          for (int i = 0; i < taken; i++) {
            heard[i] = tokens.next().id();
          }
        }
        assertEquals(PROMPT.length + taken, kept.position());
        fresh.append(PROMPT, 0, PROMPT.length);
        fresh.append(heard, 0, taken);
        assertArrayEquals(fresh.logits(), kept.logits(), "after " + taken);
      }
    }
  }

  @Test
  void closingEndsAStreamAmongItsDrafts() {
    GenerationConfig copying = forced("cdefgh, abcdefgh, abcdefgh, abcdefgh, abcdefgh, abc");
    GenerationConfig closing =
        copying.withHook(
            (tokens, count, logits) -> {
              copying.hook().accept(tokens, count, logits);
              if (count == PROMPT.length + 37) {
                model.close();
              }
            });
    Generation ended = model.generate(PROMPT, closing.withPromptLookup(true));
    assertEquals(FinishReason.CLOSED, ended.finishReason());
    assertEquals(38, ended.tokens().size());
  }

  @ParameterizedTest
  @EnumSource(ElementType.class)
  void aBlockOfAFewTokensHasTheBitsOfSingleSteps(ElementType type) {
    PhiConfig config = PhiConfigs.shape(301, 96, 200, 2, 3, CONTEXT);
    LoraConfig lora = new LoraConfig(4, 8, 0, false, LoraConfig.ALL_LINEAR, List.of());
    for (int threads : new int[] {1, 2, 3}) {
      for (Blocking blocking : new Blocking[] {Blocking.defaults(), new Blocking(8, 16, 32, 64)}) {
        try (Arena arena = Arena.ofShared();
            LanguageModel other =
                LanguageModel.of(
                    PhiModel.random(config, type, 7, 1),
                    Optional.empty(),
                    LoadOptions.defaults().withThreads(threads).withBlocking(blocking))) {
          assertBlocksAreSteps(other);
          LoraAdapter adapter = RandomAdapter.of(arena, config.dimensions(), lora, 1);
          assertBlocksAreSteps(other.withAdapters(adapter));
        }
      }
    }
  }

  private static void assertBlocksAreSteps(LanguageModel model) {
    int[] ids = new int[CONTEXT];
    Arrays.setAll(ids, i -> i * 37 % 301);
    try (Session steps = model.session(CONTEXT);
        Session blocks = model.session(CONTEXT)) {
      steps.append(ids, 0, 20);
      blocks.append(ids, 0, 20);
      for (int rows = 1; rows <= 16; rows++) {
        int to = steps.position() + 3 + rows;
        steps.append(ids, steps.position(), to - rows);
        blocks.append(ids, blocks.position(), to - rows);
        FloatMatrix out = blocks.appendForLogits(ids, to - rows, to);
        for (int r = 0; r < rows; r++) {
          steps.append(ids, to - rows + r, to - rows + r + 1);
          int at = out.index(r);
          assertArrayEquals(steps.logits(), Arrays.copyOfRange(out.data(), at, at + out.columns()));
        }
      }
    }
  }
}
