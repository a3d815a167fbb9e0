package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.Tokenizer;
import dev.eeve.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusCounterTest {
  private static final CorpusCounter.Settings STRICT = new CorpusCounter.Settings(false, false);
  private static final CorpusCounter.Settings SKIPPING = new CorpusCounter.Settings(true, false);

  @TempDir Path folder;
  private Tokenizer tokenizer;

  @BeforeEach
  void tokenizer() throws IOException {
    tokenizer =
        Tokenizer.parse("t", StrictJson.MAPPER.writeValueAsBytes(TokenizerFiles.bytesOnly()));
  }

  private CorpusCounter counter(String name, int threads, int tableBytes) throws IOException {
    return new CorpusCounter(tokenizer, "t", folder.resolve(name), threads, tableBytes);
  }

  private static boolean isHeldOut(String document) {
    return CorpusCounter.sha256(document.getBytes(StandardCharsets.UTF_8)).startsWith("00");
  }

  private Map<String, Long> words(List<String> documents, boolean heldOut) {
    Map<String, Long> words = new TreeMap<>();
    for (String document : documents) {
      if (isHeldOut(document) == heldOut) {
        tokenizer.forEachWord(
            document, (c, from, to) -> words.merge(new String(c, from, to - from), 1L, Long::sum));
      }
    }
    return words;
  }

  private static Map<String, Long> read(Path counts, boolean heldOut) throws IOException {
    Map<String, Long> words = new TreeMap<>();
    try (WordCountReader reader = WordCountReader.open(counts)) {
      if (heldOut) {
        reader.nextSection();
      }
      while (reader.next()) {
        words.put(new String(reader.word, 0, reader.length, StandardCharsets.UTF_8), reader.count);
      }
      reader.nextSection();
    }
    return words;
  }

  @Test
  void countsAreThoseOfAPlainMapAtAnyThreadCountAndTableSize() throws IOException {
    List<String> documents = SmallBase.documents(2500, 1);
    Path corpus = SmallBase.corpus(folder.resolve("c.txt"), 2500, 1);
    byte[] first = null;
    for (int threads : new int[] {1, 3}) {
      for (int tableBytes : new int[] {1500, 1 << 20}) {
        CorpusCounter counter = counter("w" + threads + tableBytes, threads, tableBytes);
        Path sum = folder.resolve("sum");
        CorpusTotals totals =
            counter.addUp(counter.count(List.of(corpus), STRICT, ExpansionProgress.NONE), sum);
        byte[] bytes = Files.readAllBytes(sum);
        if (first == null) {
          first = bytes;
          assertEquals(words(documents, false), read(sum, false));
          assertEquals(words(documents, true), read(sum, true));
          long held = documents.stream().filter(CorpusCounterTest::isHeldOut).count();
          assertTrue(held > 2, held + " held out");
          assertEquals(held, totals.heldOut().documents());
          assertEquals(documents.size() - held, totals.documents());
          assertEquals(
              Files.size(corpus) - documents.size(), totals.bytes() + totals.heldOut().bytes());
        }
        assertArrayEquals(first, bytes, threads + " threads, tables of " + tableBytes);
      }
    }
  }

  @Test
  void sharesAddUpToTheWholeAndFormatsToTheSame() throws IOException {
    List<String> documents = SmallBase.documents(3000, 2);
    Path whole = SmallBase.corpus(folder.resolve("all.txt"), 3000, 2);
    Path plain = Files.write(folder.resolve("a.txt"), documents.subList(0, 1000));
    Path zipped = folder.resolve("b.txt.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(zipped))) {
      out.write(String.join("\n", documents.subList(1000, 2000)).getBytes(StandardCharsets.UTF_8));
    }
    StringBuilder lines = new StringBuilder();
    for (String document : documents.subList(2000, 3000)) {
      lines.append("{\"id\":1,\"text\":\"").append(document).append("\"}\n");
    }
    Path json = Files.writeString(folder.resolve("c.jsonl"), lines);
    CorpusCounter counter = counter("w", 2, 1 << 20);
    Path one = folder.resolve("one");
    Path three = folder.resolve("three");
    counter.addUp(counter.count(List.of(whole), STRICT, ExpansionProgress.NONE), one);
    counter.addUp(
        counter.count(List.of(plain, zipped, json), STRICT, ExpansionProgress.NONE), three);
    assertArrayEquals(Files.readAllBytes(one), Files.readAllBytes(three));
  }

  @Test
  void badLinesAreAnErrorThatNamesTheLineOrAreSkippedAndCounted() throws IOException {
    Path text = folder.resolve("bad.txt");
    Files.write(
        text,
        new byte[] {
          'a', '\n', (byte) 0xEC, '\n', 'b', '\n', (byte) 0xEF, (byte) 0xBF, (byte) 0xBD, '\n'
        });
    Path json =
        Files.writeString(folder.resolve("bad.jsonl"), "{\"text\":\"a\"}\n{\"t\n{\"x\":1}\n");
    for (Path file : List.of(text, json)) {
      IOException e =
          assertThrows(
              IOException.class,
              () -> counter("e", 2, 4096).count(List.of(file), STRICT, ExpansionProgress.NONE));
      assertTrue(e.getMessage().startsWith(file + ": line 2: not "), e.getMessage());
    }
    CorpusCounter counter = counter("s", 2, 4096);
    CorpusTotals totals =
        counter.addUp(
            counter.count(List.of(text, json), SKIPPING, ExpansionProgress.NONE),
            folder.resolve("sum"));
    assertEquals(3, totals.badLines());
    assertEquals(4, totals.documents());
  }

  @Test
  void anInterruptedRunResumesFromFinishedFiles() throws IOException {
    Path good = SmallBase.corpus(folder.resolve("good.txt"), 500, 3);
    Path bad = Files.writeString(folder.resolve("bad.jsonl"), "{\n");
    CorpusCounter counter = counter("w", 2, 1 << 20);
    assertThrows(
        IOException.class, () -> counter.count(List.of(good, bad), STRICT, ExpansionProgress.NONE));
    List<Path> done = counter.count(List.of(good), STRICT, ExpansionProgress.NONE);
    byte[] mark = "not counted again".getBytes(StandardCharsets.UTF_8);
    Files.write(done.get(0), mark);
    Files.writeString(bad, "{\"text\":\"mended\"}\n");
    List<Path> all = counter.count(List.of(good, bad), STRICT, ExpansionProgress.NONE);
    assertArrayEquals(mark, Files.readAllBytes(all.get(0)));
    assertEquals(Map.of("mended", 1L), read(all.get(1), false));
  }

  @Test
  void aBrokenFileOfCountsIsRefusedWhereverItBreaks() throws IOException {
    Path corpus = SmallBase.corpus(folder.resolve("c.txt"), 50, 4);
    CorpusCounter counter = counter("w", 1, 1 << 20);
    Path sum = folder.resolve("sum");
    counter.addUp(counter.count(List.of(corpus), STRICT, ExpansionProgress.NONE), sum);
    byte[] good = Files.readAllBytes(sum);
    Path broken = folder.resolve("broken");
    for (int at = 0; at < good.length; at += 41) {
      byte[] bad = good.clone();
      bad[at] ^= 1;
      Files.write(broken, bad);
      assertThrows(
          IOException.class,
          () -> counter.addUp(List.of(broken), folder.resolve("out")),
          "at " + at);
      Files.write(broken, Arrays.copyOf(good, at));
      IOException e =
          assertThrows(
              IOException.class, () -> counter.addUp(List.of(broken), folder.resolve("out")));
      assertTrue(e.getMessage().startsWith(broken.toString()), e.getMessage());
    }
  }

  @Test
  void anUnknownKindOfFileIsRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () ->
            counter("w", 1, 4096)
                .count(List.of(folder.resolve("c.csv")), STRICT, ExpansionProgress.NONE));
  }
}
