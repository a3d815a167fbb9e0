package dev.eeve.vocabulary;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;

/** Adds up files of word counts into one, in memory that does not grow with them. */
final class WordCountMerger {
  /** Files read at once; each has a buffer of 64 KB. */
  private static final int MAX_INPUTS = 64;

  private WordCountMerger() {}

  /**
   * Adds up.
   *
   * @param inputs any number of files
   * @param folder where files in between may stand
   * @param output written over, whole or not at all
   * @param totals of the output
   */
  static void merge(List<Path> inputs, Path folder, Path output, CorpusTotals totals)
      throws IOException {
    List<Path> left = new ArrayList<>(inputs);
    List<Path> between = new ArrayList<>();
    try {
      while (left.size() > MAX_INPUTS) {
        List<Path> some = left.subList(0, MAX_INPUTS);
        Path sum = Files.createTempFile(folder, "sum", ".tmp");
        between.add(sum);
        mergeAtOnce(List.copyOf(some), sum, totals);
        some.clear();
        left.add(sum);
      }
      mergeAtOnce(left, output, totals);
    } finally {
      for (Path file : between) {
        Files.deleteIfExists(file);
      }
    }
  }

  private static void mergeAtOnce(List<Path> inputs, Path output, CorpusTotals totals)
      throws IOException {
    List<WordCountReader> readers = new ArrayList<>();
    try (WordCountWriter writer = WordCountWriter.create(output, totals)) {
      for (Path input : inputs) {
        readers.add(WordCountReader.open(input));
      }
      for (int section = 0; section < 2; section++) {
        mergeSection(readers, writer);
        writer.endSection();
        for (WordCountReader reader : readers) {
          if (section == 0) {
            reader.nextSection();
          } else {
            reader.checkEnd();
          }
        }
      }
      writer.finish();
    } finally {
      for (WordCountReader reader : readers) {
        reader.close();
      }
    }
  }

  private static void mergeSection(List<WordCountReader> readers, WordCountWriter writer)
      throws IOException {
    PriorityQueue<WordCountReader> queue =
        new PriorityQueue<>(
            (a, b) -> Arrays.compareUnsigned(a.word, 0, a.length, b.word, 0, b.length));
    for (WordCountReader reader : readers) {
      if (reader.next()) {
        queue.add(reader);
      }
    }
    byte[] word = new byte[0];
    int length = -1;
    long count = 0;
    while (!queue.isEmpty()) {
      WordCountReader least = queue.poll();
      if (length >= 0 && Arrays.equals(word, 0, length, least.word, 0, least.length)) {
        count = Math.addExact(count, least.count);
      } else {
        if (length >= 0) {
          writer.word(word, 0, length, count);
        }
        word = least.length > word.length ? new byte[least.length * 2] : word;
        System.arraycopy(least.word, 0, word, 0, least.length);
        length = least.length;
        count = least.count;
      }
      if (least.next()) {
        queue.add(least);
      }
    }
    if (length >= 0) {
      writer.word(word, 0, length, count);
    }
  }
}
