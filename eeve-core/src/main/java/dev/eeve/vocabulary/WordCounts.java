package dev.eeve.vocabulary;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/** The word counts of a file, handed to threads. */
final class WordCounts {
  private static final int BATCH_WORDS = 1 << 14;

  private final Path file;
  private final int threads;

  /** Sees words; adds to sums. */
  interface Visitor {
    /** The word is {@code data[from, to)}. */
    void word(byte[] data, int from, int to, long count);
  }

  WordCounts(Path file, int threads) {
    this.file = file;
    this.threads = threads;
  }

  CorpusTotals totals() throws IOException {
    try (WordCountReader reader = WordCountReader.open(file)) {
      return reader.totals();
    }
  }

  /** Visits the words in order, on this thread. */
  void forEach(Visitor visitor) throws IOException {
    try (WordCountReader reader = WordCountReader.open(file)) {
      while (reader.next()) {
        visitor.word(reader.word, 0, reader.length, reader.count);
      }
    }
  }

  /** Words on their way to a thread. */
  private static final class Batch {
    private byte[] data = new byte[BATCH_WORDS * 16];
    private final int[] ends = new int[BATCH_WORDS + 1];
    private final long[] counts = new long[BATCH_WORDS];
    private int size;

    boolean add(WordCountReader reader) {
      int start = ends[size];
      if (start + reader.length > data.length) {
        data = Arrays.copyOf(data, Math.max(start + reader.length, data.length * 2));
      }
      System.arraycopy(reader.word, 0, data, start, reader.length);
      counts[size++] = reader.count;
      ends[size] = start + reader.length;
      return size < BATCH_WORDS;
    }

    void visit(Visitor visitor) {
      for (int i = 0; i < size; i++) {
        visitor.word(data, ends[i], ends[i + 1], counts[i]);
      }
    }
  }

  /**
   * Visits words on all threads.
   *
   * @param heldOut whether those held out are meant, else those counted
   * @param make a visitor for each thread
   * @return the visitors, whose sums together are the result
   */
  <V extends Visitor> List<V> forEach(boolean heldOut, Supplier<V> make) throws IOException {
    try (WordCountReader reader = WordCountReader.open(file);
        StatePool<V> pool = new StatePool<>(threads, make)) {
      if (heldOut) {
        reader.nextSection();
      }
      Batch batch = new Batch();
      while (reader.next()) {
        if (!batch.add(reader)) {
          Batch full = batch;
          pool.submit(full::visit);
          batch = new Batch();
        }
      }
      Batch last = batch;
      pool.submit(last::visit);
      return pool.finish();
    }
  }
}
