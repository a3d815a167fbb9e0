package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.checkpoint.DType;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.ByteLevel;
import dev.eeve.tokenizer.HuggingFace;
import dev.eeve.tokenizer.Merge;
import dev.eeve.tokenizer.Tokenizer;
import dev.eeve.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocabularyExpanderTest {
  private static final ExpansionConfig CONFIG =
      ExpansionConfig.defaults().withIntermediateVocabSize(900).withMinCount(12).withThreads(2);

  @TempDir static Path folder;
  private static Path base;
  private static Path corpus;
  private static Path output;
  private static ExpansionReport report;
  private static Tokenizer before;
  private static Tokenizer after;

  @BeforeAll
  static void expandOnce() throws IOException {
    base = SmallBase.write(folder.resolve("base"), DType.BF16);
    corpus = SmallBase.corpus(folder.resolve("corpus.txt"), 8000, 1);
    output = folder.resolve("wide");
    report = expand(CONFIG, output);
    before = Tokenizer.read(base.resolve("tokenizer.json"));
    after = Tokenizer.read(output.resolve("tokenizer.json"));
  }

  private static ExpansionReport expand(ExpansionConfig config, Path output) throws IOException {
    return VocabularyExpander.open(base, config).expand(List.of(corpus), List.of(), output);
  }

  /** How often the corpus has each token, by encoding every document. */
  private static Map<Integer, Long> counts(Tokenizer tokenizer) {
    Map<Integer, Long> counts = new TreeMap<>();
    for (String document : SmallBase.documents(8000, 1)) {
      if (!CorpusCounter.sha256(document.getBytes(StandardCharsets.UTF_8)).startsWith("00")) {
        for (int id : tokenizer.encode(document, false)) {
          counts.merge(id, 1L, Long::sum);
        }
      }
    }
    return counts;
  }

  @Test
  void everyKeptTokenIsReachableAndAboveTheThresholdOrAStepOfAKeptOne() {
    assertTrue(report.fixpoint());
    assertTrue(report.tokens().size() > 400, report.tokens().size() + " tokens");
    assertEquals(0, report.rounds().getLast().dropped().size());
    Map<Integer, Long> counts = counts(after);
    int next = 50_295;
    for (ExpansionReport.Token token : report.tokens()) {
      assertEquals(next++, token.id());
      assertEquals(token.token(), after.token(token.id()));
      assertEquals(counts.getOrDefault(token.id(), 0L), token.count(), token.text());
      if (token.step()) {
        assertFalse(token.builtOnIt().isEmpty(), token.text());
      } else {
        assertTrue(token.count() >= 12, token.text());
      }
      if (!token.part()) {
        assertArrayEquals(new int[] {token.id()}, after.encode(token.text(), false), token.text());
      }
    }
    Set<Integer> made = new HashSet<>();
    for (Merge merge : after.merges().subList(before.merges().size(), after.merges().size())) {
      assertTrue(made.add(merge.result()), "one merge a token");
      assertTrue(
          KoreanText.isKorean(after.bytes(merge.result())), () -> after.token(merge.result()));
    }
    assertEquals(report.tokens().size(), made.size());
  }

  @Test
  void frequentMissingCharactersAreTokensOrWereDroppedOnce() {
    Set<String> dropped = new HashSet<>();
    report.rounds().forEach(r -> r.dropped().forEach(c -> dropped.add(c.text())));
    Map<String, Long> characters = new TreeMap<>();
    for (String document : SmallBase.documents(8000, 1)) {
      if (!CorpusCounter.sha256(document.getBytes(StandardCharsets.UTF_8)).startsWith("00")) {
        document
            .codePoints()
            .filter(KoreanText::isKorean)
            .forEach(c -> characters.merge(Character.toString(c), 1L, Long::sum));
      }
    }
    characters.forEach(
        (c, count) ->
            assertTrue(
                count <= report.minCharCount()
                    || after.encode(c, false).length == 1
                    || dropped.contains(c),
                c));
  }

  /** Alone and after a space, each assigned code point outside the Korean blocks. */
  @Test
  void textWithoutKoreanHasTheIdsItHad() throws IOException {
    List<Integer> others = new ArrayList<>();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (KoreanTextTest.isText(c) && !KoreanText.isKorean(c)) {
        others.add(c);
        String alone = Character.toString(c);
        assertArrayEquals(before.encode(alone, false), after.encode(alone, false));
        assertArrayEquals(before.encode(" " + alone, false), after.encode(" " + alone, false));
      }
    }
    Random random = new Random(1);
    for (int i = 0; i < 10_000; i++) {
      StringBuilder text = new StringBuilder();
      for (int k = 0; k < random.nextInt(20); k++) {
        text.append(random.nextInt(4) == 0 ? " " : "");
        text.appendCodePoint(
            random.nextBoolean()
                ? others.get(random.nextInt(60_000))
                : others.get(random.nextInt(others.size())));
      }
      assertArrayEquals(before.encode(text + "", false), after.encode(text + "", false));
    }
    Optional<Path> english = TokenizerFiles.shared("corpus/english-train.txt");
    if (english.isPresent()) {
      for (String line : Files.readAllLines(english.get()).subList(0, 8000)) {
        assertArrayEquals(before.encode(line, false), after.encode(line, false));
      }
    }
  }

  @Test
  void idsAreThoseOfHuggingFacesLibraryWhichReadsTheFileToo() throws IOException {
    List<String> texts = new ArrayList<>(SmallBase.documents(500, 9));
    for (int n = 2; n <= 40; n++) {
      texts.add("def f(x):\n" + " ".repeat(n) + "return x # 한글" + "\t".repeat(n % 11) + "끝");
      texts.add("가" + " ".repeat(n) + texts.get(n) + "\t".repeat(n));
    }
    texts.add("<s> 안녕하세요 <|im_end|></s><|im_start|>user<|endoftext|>ㅋㅋㅋㅋㅋㅋㅋ ㅠㅠ");
    for (ExpansionReport.Token token : report.tokens()) {
      texts.add(token.part() ? "x" : token.text() + "a " + token.text());
    }
    List<Path> folders = new ArrayList<>(List.of(output));
    folders.add(folder.resolve("gap"));
    ExpansionReport gap =
        expand(CONFIG.withFirstNewId(51_000).withMaxAddedTokens(300), folders.get(1));
    assertEquals(300, gap.newIds());
    assertEquals(51_000, gap.tokens().get(0).id());
    assertEquals(51_328, gap.vocabSize());
    for (Path each : folders) {
      Tokenizer ours = Tokenizer.read(each.resolve("tokenizer.json"));
      try (HuggingFace theirs = HuggingFace.read(each.resolve("tokenizer.json"))) {
        for (String text : texts) {
          int[] ids = ours.encode(text, false);
          assertArrayEquals(theirs.encode(text), ids, text);
          assertEquals(text, ours.decode(ids));
        }
      }
    }
  }

  private static Map<String, byte[]> files(Path folder) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (var list = Files.newDirectoryStream(folder)) {
      for (Path file : list) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return files;
  }

  @Test
  void theFolderIsTheSameAtAnyThreadCountAndFromCountsOfShares() throws IOException {
    Map<String, byte[]> expected = files(output);
    assertEquals(
        Set.of(
            "config.json",
            "expansion.json",
            "generation_config.json",
            "model.safetensors",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json"),
        expected.keySet());
    List<Path> folders = new ArrayList<>();
    for (int threads : new int[] {1, 3, 8}) {
      folders.add(folder.resolve("again-" + threads));
      expand(CONFIG.withThreads(threads), folders.getLast());
    }
    Path shared = folder.resolve("from-counts");
    List<String> lines = Files.readAllLines(corpus);
    List<Path> counts = new ArrayList<>();
    for (int share = 0; share < 2; share++) {
      Path part =
          Files.write(
              folder.resolve("part" + share + ".txt"),
              lines.subList(share * 4000, share * 4000 + 4000));
      counts.add(folder.resolve("share" + share));
      VocabularyExpander.open(base, CONFIG).count(List.of(part), counts.get(share));
    }
    VocabularyExpander.open(base, CONFIG).expand(List.of(), counts, shared);
    folders.add(shared);
    for (Path folder : folders) {
      Map<String, byte[]> found = files(folder);
      assertEquals(expected.keySet(), found.keySet());
      expected.forEach((name, bytes) -> assertArrayEquals(bytes, found.get(name), name));
    }
  }

  @Test
  void configAndSpecialTokensFollowEevesDocumentFormat() throws IOException {
    int last = 50_295 + report.tokens().size();
    JsonNode config = StrictJson.read(output.resolve("config.json"), 1 << 20);
    assertEquals(last, config.get("bos_token_id").intValue());
    assertEquals(last + 3, config.get("eos_token_id").intValue());
    assertEquals(50_295, config.get("number_of_old_tokens").intValue());
    assertEquals(report.vocabSize(), config.get("vocab_size").intValue());
    assertEquals(0, report.vocabSize() % 64);
    JsonNode map = StrictJson.read(output.resolve("special_tokens_map.json"), 1 << 20);
    assertEquals("</s>", map.get("pad_token").textValue());
    JsonNode generation = StrictJson.read(output.resolve("generation_config.json"), 1 << 20);
    assertEquals(last + 3, generation.get("eos_token_id").intValue());
    assertTrue(after.isSpecial(last) && after.token(last).equals("<s>"));
    JsonNode tokenizer = StrictJson.read(output.resolve("tokenizer.json"), 1 << 26);
    assertEquals(50_284, tokenizer.get("model").get("vocab").get("    ").intValue());
    assertTrue(tokenizer.get("model").get("merges").path(60_000).isMissingNode());
    assertTrue(tokenizer.get("model").get("merges").get(50_001).isTextual());
    JsonNode account = StrictJson.read(output.resolve("expansion.json"), 1 << 26);
    double saved = account.at("/held_out/after/tokens_per_syllable").doubleValue();
    assertTrue(saved * 2 < account.at("/held_out/before/tokens_per_syllable").doubleValue());
  }

  @Test
  void heldOutFiguresAreThoseOfEncodingTheHeldOutDocuments() {
    long[] tokens = new long[2];
    for (String document : SmallBase.documents(8000, 1)) {
      if (CorpusCounter.sha256(document.getBytes(StandardCharsets.UTF_8)).startsWith("00")) {
        tokens[0] += before.encode(document, false).length;
        tokens[1] += after.encode(document, false).length;
      }
    }
    assertEquals(tokens[0], report.heldOut().tokensBefore());
    assertEquals(tokens[1], report.heldOut().tokensAfter());
  }

  /** E3 84 begins Bopomofo too and 84 B1 ends other characters: ㄱ alone has no first merge. */
  @Test
  void jamoOfTheFirstBlockAreTokensOnlyBeforeOtherKoreanAndTheReportNamesThem() throws IOException {
    Path jamo = Files.writeString(folder.resolve("jamo.txt"), "ㅎ ㄱ ㄱㅅ ㆁ ㄱㄱ\n".repeat(300));
    Path wide = folder.resolve("jamo");
    ExpansionReport jamoReport =
        VocabularyExpander.open(base, CONFIG).expand(List.of(jamo), List.of(), wide);
    Tokenizer tokenizer = Tokenizer.read(wide.resolve("tokenizer.json"));
    assertEquals(3, tokenizer.encode("ㄱ", false).length);
    assertEquals(3, tokenizer.encode("ㆁ", false).length);
    assertEquals(1, tokenizer.encode("ㅎ", false).length);
    assertTrue(tokenizer.encode("ㄱㅅ", false).length < before.encode("ㄱㅅ", false).length);
    assertArrayEquals(before.encode("ㄅ", false), tokenizer.encode("ㄅ", false));
    assertEquals(
        List.of("ㄱ", "ㆁ"),
        jamoReport.unreachableCharacters().stream().map(ExpansionReport.Change::text).toList());
    assertTrue(jamoReport.fixpoint());
    assertTrue(jamoReport.summary().contains(": ㄱ ㆁ\n"), jamoReport.summary());
  }

  @Test
  void aLoopStoppedByItsBoundSaysSo() throws IOException {
    ExpansionReport stopped =
        VocabularyExpander.open(base, CONFIG.withMaxRounds(1).withSpecialTokens(List.of()))
            .expand(List.of(corpus), List.of(), folder.resolve("stopped"));
    assertFalse(stopped.fixpoint());
    assertTrue(stopped.summary().contains("no fixpoint"));
    assertTrue(stopped.specialTokens().isEmpty());
  }

  @Test
  void anIndependentTokenizersTokensAreMadeReachableOrDropped() throws IOException {
    Path independent = folder.resolve("independent");
    ExpansionReport own =
        expand(CONFIG.withMerges(ExpansionConfig.MergeSource.INDEPENDENT), independent);
    Tokenizer tokenizer = Tokenizer.read(independent.resolve("tokenizer.json"));
    assertTrue(own.training().repaired() > 0, own.training().toString());
    assertTrue(own.fixpoint());
    for (ExpansionReport.Token token : own.tokens()) {
      assertTrue(KoreanText.isKorean(ByteLevel.bytes(token.token())));
      if (!token.part()) {
        assertArrayEquals(new int[] {token.id()}, tokenizer.encode(token.text(), false));
      }
    }
    String yi = "\ua000 \ua000 x\ua000 \uaa00";
    assertArrayEquals(before.encode(yi, false), tokenizer.encode(yi, false));
    assertTrue(own.heldOut().tokensAfter() * 2 < own.heldOut().tokensBefore());
  }

  @Test
  void aLimitDropsTheRarestTokensDoubledOnesToo() throws IOException {
    List<Path> doubled =
        List.of(
            Files.writeString(
                folder.resolve("doubled.txt"),
                "\uac00\uc77c\uac00\uc77c \u314b\u314b\u314b\u314b\n".repeat(3000)
                    + "\ub9d0\ub9d0 \ub9d0\n".repeat(40)));
    for (int limit : new int[] {4, 5, 7, 10, 14}) {
      ExpansionReport limited =
          VocabularyExpander.open(base, CONFIG.withMaxAddedTokens(limit).withMinCount(2))
              .expand(doubled, List.of(), folder.resolve("limited"));
      assertTrue(limited.newIds() <= limit && limited.fixpoint());
    }
  }

  @Test
  void aTrainingCutOffTakesTheMostFrequentWordsWhole() throws IOException {
    ExpansionReport cut = expand(CONFIG.withTrainingBytes(2000), folder.resolve("cut"));
    assertTrue(cut.training().wordBytes() <= 2000 && cut.training().wordBytes() > 1900);
    assertTrue(cut.training().leastCount() > 1);
    assertTrue(cut.fixpoint());
  }

  @Test
  void theDefaultsAndTheJavadocsTwoLinesDo() throws IOException {
    Path phi2 = base;
    Path output = folder.resolve("by-default");
    VocabularyExpander expander = VocabularyExpander.open(phi2, ExpansionConfig.defaults());
    ExpansionReport report = expander.expand(List.of(corpus), List.of(), output);
    assertEquals(2, report.minCount());
    assertTrue(report.fixpoint() && report.newIds() > 500);
  }

  @Test
  void wrongArgumentsAreNamed() {
    assertThrows(
        IllegalArgumentException.class,
        () -> VocabularyExpander.open(base, CONFIG.withFirstNewId(50_294)));
    assertThrows(IllegalArgumentException.class, () -> expand(CONFIG, base));
    assertThrows(IllegalArgumentException.class, () -> CONFIG.withMaxAddedTokens(3));
    assertThrows(IOException.class, () -> expand(CONFIG, folder.resolve("no").resolve("such")));
  }
}
