package dev.eeve.bench;

import dev.eeve.vocabulary.CorpusTotals;
import dev.eeve.vocabulary.ExpansionConfig;
import dev.eeve.vocabulary.VocabularyExpander;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Counts the words of Korean reviews, from a file of text to a sorted file of counts, with one
 * thread: {@code eeve} is {@code eeve expand --counts-only}; {@code jdk} is the short program in
 * its place, GPT-2's pattern in {@code java.util.regex} and a {@code HashMap}; {@code read} decodes
 * and hashes the documents and does no more, which every counter must that holds some out by hash.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 5)
@Fork(1)
public class CountingBenchmark {
  private static final String TEXT = "corpus/nsmc-train.txt";

  private static final Pattern WORDS =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  /** Who counts. */
  @Param({"eeve", "jdk", "read"})
  public String library;

  /** 10⁶ bytes of UTF-8 text. */
  @Param("50")
  public int megabytes;

  private Path folder;
  private Path corpus;
  private Path counts;
  private VocabularyExpander expander;

  /** A field, so that the JIT cannot leave the work out. */
  private long documents;

  /** For JMH. */
  public CountingBenchmark() {}

  /**
   * Copies the text up to a size and compares both counters on it.
   *
   * @throws IOException if the shared text or tokenizer is missing
   */
  @Setup
  public void setUp() throws IOException {
    folder = Files.createTempDirectory("eeve-counting");
    corpus = folder.resolve("corpus.txt");
    counts = folder.resolve("counts");
    long bytes = copy(SharedFiles.find(TEXT), megabytes * 1_000_000, corpus);
    Files.copy(
        SharedFiles.find("tokenizer/phi-2/tokenizer.json"), folder.resolve("tokenizer.json"));
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "phi", "vocab_size": 51200, "hidden_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 1, "intermediate_size": 128, "hidden_act": "gelu_new"}
        """);
    expander = VocabularyExpander.open(folder, ExpansionConfig.defaults().withThreads(1));
    check();
    Work.announce(Work.text(bytes));
  }

  /**
   * One pass over the file.
   *
   * @throws IOException if it cannot be read, or the counts not be written
   */
  @Benchmark
  public void count() throws IOException {
    documents =
        switch (library) {
          case "eeve" -> expander.count(List.of(corpus), counts).documents();
          case "jdk" -> countPlainly();
          case "read" -> forEachDocument(text -> {});
          default ->
              throw new IllegalArgumentException(
                  "library: " + library + ", needed eeve, jdk or read");
        };
  }

  /**
   * Deletes the copies.
   *
   * @throws IOException if one cannot be deleted
   */
  @TearDown
  public void tearDown() throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** Whole lines, at most so many bytes. */
  private static long copy(Path from, int bytes, Path to) throws IOException {
    byte[] text;
    try (InputStream in = Files.newInputStream(from)) {
      text = in.readNBytes(bytes);
    }
    if (text.length < bytes) {
      throw new IOException(
          "%s: %d bytes, needed %d; give fewer megabytes".formatted(from, text.length, bytes));
    }
    int end = text.length;
    while (text[end - 1] != '\n') {
      end--;
    }
    try (OutputStream out = Files.newOutputStream(to)) {
      out.write(text, 0, end);
    }
    return end;
  }

  private interface Document {
    void text(String text);
  }

  /** Documents that are not held out; how many. */
  private long forEachDocument(Document document) throws IOException {
    MessageDigest sha256;
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    byte[] all = Files.readAllBytes(corpus);
    long counted = 0;
    for (int from = 0, to = 0; from < all.length; from = ++to) {
      while (all[to] != '\n') {
        to++;
      }
      sha256.update(all, from, to - from);
      String text = new String(all, from, to - from, StandardCharsets.UTF_8);
      if (sha256.digest()[0] != 0) {
        document.text(text);
        counted++;
      }
    }
    return counted;
  }

  private long countPlainly() throws IOException {
    Map<String, Integer> words = new HashMap<>();
    final long counted =
        forEachDocument(
            text -> {
              Matcher word = WORDS.matcher(text);
              while (word.find()) {
                words.merge(word.group(), 1, Integer::sum);
              }
            });
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(counts))) {
      for (String word : words.keySet().stream().sorted().toList()) {
        out.write((word + "\t" + words.get(word) + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    return counted;
  }

  /** The words themselves are compared in eeve-core's tests; here it is who counts what. */
  private void check() throws IOException {
    CorpusTotals totals = expander.count(List.of(corpus), counts);
    long expected = forEachDocument(text -> {});
    if (totals.documents() != expected) {
      throw new IllegalStateException(
          "documents: %d counted, needed %d; the counter is wrong"
              .formatted(totals.documents(), expected));
    }
  }
}
