package dev.eeve.vocabulary;

import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.FileFailure;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Counts the words of a corpus, as a tokenizer splits its texts, into a file that can be added up
 * with others. Documents whose SHA-256 (of their UTF-8) begins with 00 are held out: a 256th of the
 * corpus, counted apart, for measuring.
 *
 * <p>Any size of corpus in bounded memory: full tables are sorted to disk and merged at the end, so
 * the counts are exact and the same with any memory and any number of threads. Files are counted
 * one after the other, each into a file of its own in a working folder; one that is there already
 * is not counted again, which is how an interrupted run resumes. Words longer than {@value
 * #MAX_WORD_BYTES} bytes are counted in pieces.
 */
final class CorpusCounter {
  /** The longest word counted whole: no word of a language comes near. */
  static final int MAX_WORD_BYTES = 3 << 14;

  /** What the tables of all threads hold together; they take some three times as much. */
  private static final int TABLE_BYTES = 128 << 20;

  private static final int MIN_TABLE_BYTES = 1 << 22;

  private final Tokenizer tokenizer;
  private final String fingerprint;
  private final Path folder;
  private final int threads;
  private final int tableBytes;

  /**
   * How to read documents.
   *
   * @param skipBadLines whether lines that are no UTF-8 or no JSON are counted and skipped; else
   *     they are an error
   * @param holdOutAll whether every document is held out: for texts to measure on
   */
  record Settings(boolean skipBadLines, boolean holdOutAll) {}

  /**
   * A counter.
   *
   * @param tokenizer splits texts into words
   * @param fingerprint names the tokenizer: only counts of one tokenizer can be added up
   * @param folder working folder; made if it is not there
   * @param threads how many count
   */
  CorpusCounter(Tokenizer tokenizer, String fingerprint, Path folder, int threads) {
    this(tokenizer, fingerprint, folder, threads, Math.max(MIN_TABLE_BYTES, TABLE_BYTES / threads));
  }

  CorpusCounter(Tokenizer tokenizer, String fingerprint, Path folder, int threads, int tableBytes) {
    this.tokenizer = tokenizer;
    this.fingerprint = fingerprint;
    this.folder = folder;
    this.threads = threads;
    this.tableBytes = tableBytes;
  }

  private void makeFolder() throws IOException {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw FileFailure.of(folder, e);
    }
  }

  /** After a failure nothing stays but what a next run can use. */
  private void deleteFolderIfEmpty() throws IOException {
    boolean empty;
    try (var files = Files.newDirectoryStream(folder)) {
      empty = !files.iterator().hasNext();
    }
    if (empty) {
      Files.delete(folder);
    }
  }

  /**
   * Counts files, those that a run before this one did not.
   *
   * @param corpus .txt, .jsonl, either one .gz
   * @param settings how to read documents
   * @param progress told bytes of the files
   * @return a file of counts for each, in the working folder
   * @throws IOException names the file and line that is wrong
   */
  List<Path> count(List<Path> corpus, Settings settings, ExpansionProgress progress)
      throws IOException {
    List<CorpusFile> files = new ArrayList<>();
    long total = 0;
    for (Path path : corpus) {
      files.add(CorpusFile.of(path));
      total += files.getLast().size();
    }
    List<Path> counts = new ArrayList<>();
    long done = 0;
    for (CorpusFile file : files) {
      Path result = folder.resolve(identity(file, settings) + ".counts");
      if (!Files.exists(result)) {
        count(file, result, settings, progress, done, total);
      }
      counts.add(result);
      done += file.size();
      progress.update("counting", done, total);
    }
    return counts;
  }

  /** The same only for the same file, unchanged, read in the same way. */
  private String identity(CorpusFile file, Settings settings) throws IOException {
    String all =
        String.join(
            "\n",
            file.path().toAbsolutePath().normalize().toString(),
            String.valueOf(file.size()),
            Files.getLastModifiedTime(file.path()).toString(),
            fingerprint,
            settings.toString());
    return sha256(all.getBytes(StandardCharsets.UTF_8)).substring(0, 24);
  }

  /** In hexadecimal. */
  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private void count(
      CorpusFile file,
      Path result,
      Settings settings,
      ExpansionProgress progress,
      long done,
      long total)
      throws IOException {
    makeFolder();
    Path runs = Files.createTempDirectory(folder, "runs");
    List<DocumentCounter> counters = new ArrayList<>();
    try (StatePool<DocumentCounter> pool =
        new StatePool<>(
            threads, () -> new DocumentCounter(tokenizer, settings, runs, tableBytes))) {
      DocumentLines.forEachBlock(
          file.path(),
          (data, length, line) -> pool.submit(counter -> counter.lines(file, data, length, line)),
          bytes -> progress.update("counting", done + bytes, total));
      counters.addAll(pool.finish());
      CorpusTotals totals = CorpusTotals.none(fingerprint);
      List<Path> inputs = new ArrayList<>();
      for (DocumentCounter counter : counters) {
        counter.spill();
        inputs.addAll(counter.runs);
        totals = totals.plus(counter.totals());
      }
      WordCountMerger.merge(inputs, runs, result, totals);
    } finally {
      delete(runs);
      deleteFolderIfEmpty();
    }
  }

  /** Deletes a folder and all that an interrupted run may have left in it. */
  static void delete(Path folder) throws IOException {
    try (var files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          delete(file);
        } else {
          Files.delete(file);
        }
      }
    }
    Files.delete(folder);
  }

  /**
   * Adds up files of counts.
   *
   * @param counts any number
   * @param output written over, whole or not at all
   * @return what they amount to together
   * @throws IOException if one is broken, or of another tokenizer
   */
  CorpusTotals addUp(List<Path> counts, Path output) throws IOException {
    CorpusTotals totals = totals(counts);
    makeFolder();
    try {
      WordCountMerger.merge(counts, folder, output, totals);
    } finally {
      deleteFolderIfEmpty();
    }
    return totals;
  }

  /**
   * What files of counts amount to together, by their beginnings.
   *
   * @param counts any number
   * @return the totals
   * @throws IOException if one is no such file, or of another tokenizer
   */
  CorpusTotals totals(List<Path> counts) throws IOException {
    CorpusTotals totals = CorpusTotals.none(fingerprint);
    for (Path path : counts) {
      try (WordCountReader reader = WordCountReader.open(path)) {
        if (!reader.totals().tokenizer().equals(fingerprint)) {
          throw new IOException(
              path
                  + ": counts of another tokenizer's words, needed those of this model's; count"
                  + " the corpus again");
        }
        totals = totals.plus(reader.totals());
      }
    }
    return totals;
  }
}
