package dev.eeve.bench;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import dev.eeve.tokenizer.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One pass over Korean reviews and paragraphs, each document once, on one thread: phi-2's tokenizer
 * here and p50k_base, its twin, in jtokkit. Before each pass the tokenizer is made anew, so neither
 * has seen a word; the JIT has, in a first pass.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 5)
@Fork(1)
public class TokenizerBenchmark {
  private static final List<String> TEXTS =
      List.of("corpus/nsmc-train.txt", "corpus/korean-docs-train.txt");

  /** Whose tokenizer. */
  @Param({"eeve", "jtokkit"})
  public String library;

  /** 10⁶ bytes of UTF-8 text. */
  @Param("50")
  public int megabytes;

  private Path vocabulary;
  private List<String> documents;
  private Tokenizer ours;
  private Encoding theirs;

  /** A field, so that the JIT cannot leave the work out. */
  private long tokens;

  /** For JMH. */
  public TokenizerBenchmark() {}

  /**
   * Reads the texts and compares both libraries on some.
   *
   * @throws IOException if the shared texts or tokenizer are missing
   */
  @Setup
  public void setUp() throws IOException {
    vocabulary = SharedFiles.find("tokenizer/phi-2/tokenizer.json");
    documents = read(megabytes * 1_000_000L);
    check();
    long bytes = 0;
    for (String document : documents) {
      bytes += document.getBytes(StandardCharsets.UTF_8).length;
    }
    Work.announce(Work.text(bytes));
  }

  /**
   * Makes the tokenizer anew.
   *
   * @throws IOException if its file cannot be read
   */
  @Setup(Level.Invocation)
  public void forget() throws IOException {
    switch (library) {
      case "eeve" -> ours = Tokenizer.read(vocabulary);
      case "jtokkit" ->
          theirs = Encodings.newDefaultEncodingRegistry().getEncoding(EncodingType.P50K_BASE);
      default ->
          throw new IllegalArgumentException("library: " + library + ", needed eeve or jtokkit");
    }
  }

  /** One pass. */
  @Benchmark
  public void encode() {
    long count = 0;
    if (library.equals("eeve")) {
      for (String document : documents) {
        count += ours.encode(document).length;
      }
    } else {
      for (String document : documents) {
        count += theirs.encodeOrdinary(document).size();
      }
    }
    tokens = count;
  }

  /** The documents up to a size, all different from each other in place if not in wording. */
  private static List<String> read(long bytes) throws IOException {
    List<String> documents = new ArrayList<>();
    long size = 0;
    for (String name : TEXTS.reversed()) { // the long paragraphs are few: all of them
      try (BufferedReader lines = Files.newBufferedReader(SharedFiles.find(name))) {
        for (Iterator<String> i = lines.lines().iterator(); size < bytes && i.hasNext(); ) {
          String line = i.next();
          documents.add(line);
          size += line.getBytes(StandardCharsets.UTF_8).length;
        }
      }
    }
    if (size < bytes) {
      throw new IOException(
          "shared/corpus: %d bytes, needed %d; give fewer megabytes".formatted(size, bytes));
    }
    return documents;
  }

  /** Runs of spaces have different ids in the two vocabularies; all else is the same. */
  private void check() throws IOException {
    final Tokenizer tokenizer = Tokenizer.read(vocabulary);
    Encoding encoding = Encodings.newDefaultEncodingRegistry().getEncoding(EncodingType.P50K_BASE);
    int compared = 0;
    for (int i = 0; i < documents.size() && compared < 2000; i += 97) {
      String document = documents.get(i);
      if (!document.contains("  ") && !document.contains("\t")) {
        IntArrayList expected = encoding.encodeOrdinary(document);
        if (!Arrays.equals(expected.toArray(), tokenizer.encode(document))) {
          throw new IllegalStateException(
              "document %d: our ids differ from jtokkit's, needed the same; the tokenizer is wrong"
                  .formatted(i));
        }
        compared++;
      }
    }
    if (compared == 0) {
      throw new IllegalStateException("documents: none could be compared, needed at least 1");
    }
  }
}
