package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.adapter.LoraConfig;
import dev.eeve.adapter.RandomAdapter;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.TokenStream;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiConfigs;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SavedContextTest {
  private static final int CONTEXT = 160;

  /** Heads of 20 features, two to a key/value head. */
  private static final PhiConfig CONFIG =
      PhiConfigs.grouped(PhiConfigs.shape(300, 80, 160, 2, 4, CONTEXT), 2);

  private static final GenerationConfig GREEDY = GenerationConfig.greedy(20).withIgnoreEos(true);

  @TempDir private Path folder;

  private static LanguageModel model(long seed, ElementType cacheType, int threads) {
    return model(seed, ElementType.BF16, cacheType, threads, Optional.empty());
  }

  private static LanguageModel model(
      long seed,
      ElementType type,
      ElementType cacheType,
      int threads,
      Optional<Tokenizer> tokenizer) {
    return LanguageModel.of(
        PhiModel.random(CONFIG, type, seed, 2),
        tokenizer,
        LoadOptions.defaults().withThreads(threads).withCacheType(cacheType));
  }

  private static int[] ids(int count) {
    return new Random(4).ints(count, 0, 300).toArray();
  }

  private Path saved(ElementType type, int tokens) throws IOException {
    Path file = folder.resolve("context");
    try (LanguageModel model = model(1, type, 2);
        Session session = model.session(CONTEXT)) {
      session.append(ids(tokens), 0, tokens);
      model.save(session, file);
    }
    return file;
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16", "Q8_0"})
  void aLoadedContextGoesOnWithTheSameBits(ElementType type) throws IOException {
    for (int held : new int[] {1, 15, 16, 17, 64, 75}) {
      Path file = saved(type, held);
      int[] ids = ids(held + 30);
      try (LanguageModel model = model(1, type, 3);
          Session whole = model.session(CONTEXT);
          Session loaded = model.session(held + 30)) {
        model.load(loaded, file);
        assertEquals(held, loaded.position());
        assertArrayEquals(ids(held), loaded.tokens());
        assertThrows(IllegalStateException.class, loaded::logits);
        whole.append(ids, 0, ids.length);
        loaded.append(ids, held, held + 1);
        loaded.append(ids, held + 1, ids.length);
        assertArrayEquals(whole.logits(), loaded.logits());
        Path again = folder.resolve("again");
        whole.rewind(held); // what stood after it must leave no trace
        model.save(whole, again);
        assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(again));
      }
    }
  }

  @Test
  void whatAPromptSharesIsKeptAndTheRestReadAnew() throws IOException {
    Path file = saved(ElementType.Q8_0, 60);
    try (LanguageModel model = model(1, ElementType.Q8_0, 2)) {
      for (int shared : new int[] {0, 1, 16, 33, 59, 60}) {
        for (int more : new int[] {0, 1, 9}) {
          int[] prompt = Arrays.copyOf(ids(60), shared + more);
          if (prompt.length == 0) {
            continue;
          }
          for (int i = shared; i < prompt.length; i++) {
            prompt[i] = 299 - ids(60)[i % 60];
          }
          for (GenerationConfig config : List.of(GREEDY, GREEDY.withPromptLookup(true))) {
            Generation expected = model.generate(prompt, config);
            try (Session session = model.session(prompt, config)) {
              model.load(session, file); // as far as there is room
              try (TokenStream stream = model.streamWithPrefix(session, prompt, config)) {
                int reused = Math.min(shared, prompt.length - 1);
                assertEquals(reused, session.position());
                Generation found = stream.finish();
                assertEquals(reused, found.reusedTokens());
                assertEquals(
                    (prompt.length - reused) * 1e9 / found.promptNanos(),
                    found.promptTokensPerSecond(),
                    1e-6);
                assertEquals(expected.tokens(), found.tokens());
                assertEquals(expected.promptTokens(), found.promptTokens());
              }
              assertEquals(prompt.length + 20, session.position());
            }
          }
        }
      }
    }
  }

  @Test
  void aPromptWithoutNewTokensIsReadIntoAKeptContext() throws IOException {
    try (LanguageModel model = model(1, ElementType.F32, 1);
        Session session = model.session(CONTEXT)) {
      GenerationConfig none = GREEDY.withMaxNewTokens(0);
      try (TokenStream stream = model.streamWithPrefix(session, ids(9), none)) {
        assertEquals(0, stream.finish().tokens().size());
      }
      assertArrayEquals(ids(9), session.tokens());
      try (TokenStream unread = model.stream(session, ids(5), GREEDY)) {
        assertTrue(unread.finishReason().isEmpty());
      }
      assertEquals(9, session.position(), "a stream nobody asked for a token reads nothing");
    }
  }

  private static String refusal(LanguageModel model, Path file) {
    try (Session session = model.session(CONTEXT)) {
      IOException refused = assertThrows(IOException.class, () -> model.load(session, file));
      assertEquals(0, session.position());
      assertEquals(0, session.tokens().length);
      int[] ids = ids(20);
      try (Session fresh = model.session(CONTEXT)) { // it can be used as if nothing had happened
        fresh.append(ids, 0, 20);
        session.append(ids, 0, 20);
        assertArrayEquals(fresh.logits(), session.logits());
      }
      assertTrue(refused.getMessage().startsWith(file + ": "), refused.getMessage());
      assertFalse(refused.getMessage().contains("\n"));
      return refused.getMessage();
    }
  }

  @Test
  void whatWouldComputeOtherKeysIsRefusedByName() throws IOException {
    Path file = saved(ElementType.F16, 20);
    try (LanguageModel model = model(1, ElementType.BF16, 1)) {
      assertTrue(refusal(model, file).contains("cache type F16, this session has BF16"));
    }
    try (LanguageModel model = model(2, ElementType.F16, 1)) {
      assertTrue(refusal(model, file).contains(": model "));
    }
    ElementType f16 = ElementType.F16;
    try (LanguageModel model = model(1, ElementType.F32, f16, 1, Optional.empty())) {
      assertTrue(refusal(model, file).contains(": model "), "weights kept otherwise");
    }
    Optional<Tokenizer> bytes = Optional.of(ByteTokenizer.make());
    try (LanguageModel model = model(1, ElementType.BF16, f16, 1, bytes)) {
      assertTrue(refusal(model, file).contains("tokenizer none, this session has "));
    }
    LoraConfig lora = new LoraConfig(4, 8, 0, false, LoraConfig.ALL_LINEAR, List.of());
    try (Arena arena = Arena.ofShared();
        LanguageModel model = model(1, f16, 1)) {
      LoraAdapter one = RandomAdapter.of(arena, model.phi().config().dimensions(), lora, 1);
      LoraAdapter two = RandomAdapter.of(arena, model.phi().config().dimensions(), lora, 2);
      assertTrue(refusal(model.withAdapters(one), file).contains("adapters none, this session"));
      Path adapted = folder.resolve("adapted");
      try (Session session = model.withAdapters(one).session(CONTEXT)) {
        session.append(ids(5), 0, 5);
        model.withAdapters(one).save(session, adapted);
      }
      try (Session session = model.withAdapters(one).session(CONTEXT)) {
        model.withAdapters(one).load(session, adapted);
        assertEquals(5, session.position());
      }
      assertTrue(refusal(model, adapted).contains(": adapters "));
      assertTrue(refusal(model.withAdapters(two), adapted).contains(": adapters "));
    }
    try (LanguageModel model =
        LanguageModel.of(
            PhiModel.random(CONFIG, ElementType.BF16, 1, 1),
            Optional.empty(),
            LoadOptions.defaults()
                .withCacheType(f16)
                .withBlocking(new Blocking(256, 32, 1280, 4096)))) {
      assertTrue(refusal(model, file).contains("block of keys 64, this session has 32"));
    }
    try (LanguageModel model =
        LanguageModel.of(
            PhiModel.random(CONFIG, ElementType.BF16, 1, 1),
            Optional.empty(),
            LoadOptions.defaults().withCacheType(f16).withBlocking(Blocking.strassen()))) {
      String products = "prompt products plain, this session has strassen from 112 rows";
      assertTrue(refusal(model, file).contains(products));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "Q8_0"})
  void everyDamageIsRefused(ElementType type) throws IOException {
    Path file = saved(type, 20);
    byte[] good = Files.readAllBytes(file);
    Path bad = folder.resolve("bad");
    try (LanguageModel model = model(1, type, 1)) {
      for (int length : new int[] {0, 7, 8, 100, good.length / 2, good.length - 1}) {
        Files.write(bad, Arrays.copyOf(good, length));
        refusal(model, bad);
      }
      Files.write(bad, Arrays.copyOf(good, good.length + 1));
      refusal(model, bad);
      Files.writeString(bad, "no cache at all, but long enough for a header");
      refusal(model, bad);
      assertTrue(refusal(model, folder).contains("a folder"));
      assertTrue(refusal(model, folder.resolve("none")).contains("no such file"));
      Random random = new Random(5);
      for (int i = 0; i < 300; i++) { // any bit, header or data
        byte[] damaged = good.clone();
        int at = i < 150 ? random.nextInt(2000) : random.nextInt(good.length);
        damaged[at] ^= (byte) (1 << random.nextInt(8));
        Files.write(bad, damaged);
        refusal(model, bad);
      }
      assertTrue(withBytes(model, good, bad, "tokens", (byte) -1).contains("id -1 at 0"));
      String plane = type == ElementType.F32 ? "layers.1.values" : "layers.1.key_scales";
      assertTrue(withBytes(model, good, bad, plane, (byte) -1).contains("NaN or infinity at 0"));
      assertTrue(withBytes(model, good, bad, "layers.0.keys", (byte) 1).contains("checksum"));
      String header = new String(good, StandardCharsets.ISO_8859_1);
      for (String[] edit :
          new String[][] {
            {"eeve-context-1", "eeve-context-9"},
            {"\"tokenizer\":\"none\"", "\"tokenizer\":\"nine\""},
            {"\"layers.0.values\"", "\"layers.7.values\""},
            {"\"checksum\":\"", "\"checkbum\":\""},
          }) {
        String edited = header.replace(edit[0], edit[1]);
        assertFalse(edited.equals(header), edit[0]);
        Files.write(bad, edited.getBytes(StandardCharsets.ISO_8859_1));
        refusal(model, bad);
      }
    }
  }

  private static String withBytes(
      LanguageModel model, byte[] good, Path bad, String tensor, byte value) throws IOException {
    Files.write(bad, good);
    TensorInfo info;
    try (Safetensors whole = Safetensors.open(bad)) {
      info = whole.tensors().get(tensor);
    }
    byte[] damaged = good.clone();
    long data = good.length;
    try (Safetensors whole = Safetensors.open(bad)) {
      data -= whole.tensors().lastEntry().getValue().end();
    }
    Arrays.fill(damaged, (int) (data + info.begin()), (int) (data + info.begin()) + 4, value);
    Files.write(bad, damaged);
    return refusal(model, bad);
  }

  @Test
  void whatCannotBeSavedOrLoadedLeavesFilesAndContextsAsTheyWere() throws IOException {
    Path file = saved(ElementType.F32, 20);
    byte[] before = Files.readAllBytes(file);
    try (LanguageModel model = model(1, ElementType.F32, 1);
        Session session = model.session(CONTEXT)) {
      assertThrows(IllegalStateException.class, () -> model.save(session, file));
      assertArrayEquals(before, Files.readAllBytes(file));
      session.append(ids(3), 0, 3);
      assertThrows(IllegalStateException.class, () -> model.load(session, file));
      assertEquals(3, session.position());
      Path nowhere = folder.resolve("none").resolve("context");
      assertThrows(IOException.class, () -> model.save(session, nowhere));
      assertThrows(IOException.class, () -> model.save(session, folder));
      try (var files = Files.list(folder)) {
        assertEquals(List.of(file), files.toList(), "no partial file stays");
      }
    }
  }
}
