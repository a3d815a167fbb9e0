package dev.eeve.vocabulary;

import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.HeldOutRule;
import dev.eeve.internal.TextUnits;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** One thread's share of counting: lines to documents to words to tables, spilled when full. */
final class DocumentCounter {
  /** Long enough to show how words are cut, short enough for a line. */
  private static final int MIN_EXAMPLE_SYLLABLES = 10;

  private static final int MAX_EXAMPLE_CHARS = 120;

  private final Tokenizer tokenizer;
  private final boolean skipBadLines;
  private final boolean holdOutAll;
  private final Path folder;
  private final WordTable counted;
  private final WordTable heldOut;
  private final HeldOutRule rule = new HeldOutRule();
  private byte[] word = new byte[1 << 10];

  /** Files this thread's tables were spilled to. */
  final List<Path> runs = new ArrayList<>();

  private CorpusTotals totals;

  /**
   * A counter of one thread.
   *
   * @param tokenizer splits texts into words
   * @param settings what to do with bad lines and which documents to hold out
   * @param folder takes what the tables cannot
   * @param tableBytes the most words of the table in memory
   */
  DocumentCounter(
      Tokenizer tokenizer, CorpusCounter.Settings settings, Path folder, int tableBytes) {
    this.tokenizer = tokenizer;
    this.skipBadLines = settings.skipBadLines();
    this.holdOutAll = settings.holdOutAll();
    this.folder = folder;
    counted = new WordTable(tableBytes);
    heldOut = new WordTable(tableBytes / 4);
    totals = CorpusTotals.none("");
  }

  CorpusTotals totals() {
    return totals;
  }

  /** Counts the documents of some lines. */
  void lines(CorpusFile file, byte[] data, int length, long firstLine) throws IOException {
    Share share = new Share();
    long line = firstLine;
    for (int from = 0; from < length; line++) {
      int to = DocumentLines.lineEnd(data, from, length);
      String text = null;
      try {
        String decoded = DocumentLines.decode(data, from, to);
        text = file.isJson() ? DocumentLines.textOf(decoded) : decoded;
      } catch (DocumentLines.BadLine bad) {
        if (!skipBadLines) {
          throw new IOException(
              "%s: line %d: %s; mend it, or skip such lines"
                  .formatted(file.path(), line, bad.getMessage()),
              bad);
        }
        share.badLines++;
      }
      if (text != null) {
        document(text, data, file.isJson() ? -1 : from, to, share);
      }
      from = to + 1;
    }
    totals = totals.plus(share.totals());
  }

  /** Sums of one call. */
  private static final class Share {
    private long documents;
    private long bytes;
    private long badLines;
    private long heldDocuments;
    private long heldBytes;
    private long eojeols;
    private long syllables;
    private long addedTokens;
    private final List<CorpusTotals.Example> examples = new ArrayList<>();

    CorpusTotals totals() {
      return new CorpusTotals(
          "",
          documents,
          bytes,
          badLines,
          new CorpusTotals.HeldOut(
              heldDocuments, heldBytes, eojeols, syllables, addedTokens, examples));
    }
  }

  /** Counts a document; its UTF-8 is at {@code from} in {@code data} unless that is negative. */
  private void document(String text, byte[] data, int from, int to, Share share)
      throws IOException {
    byte[] utf8 = from >= 0 ? data : text.getBytes(StandardCharsets.UTF_8);
    int size = from >= 0 ? to - from : utf8.length;
    byte[] hash = rule.hash(utf8, Math.max(0, from), size);
    if (holdOutAll || HeldOutRule.holdsOut(hash)) {
      holdOut(text, size, hash, share);
      return;
    }
    share.documents++;
    share.bytes += size;
    count(text, counted);
  }

  private void holdOut(String text, int size, byte[] hash, Share share) throws IOException {
    share.heldDocuments++;
    share.heldBytes += size;
    TextUnits units = TextUnits.of(text);
    share.eojeols += units.eojeols();
    share.syllables += units.syllables();
    share.addedTokens += addedTokens(text);
    if (units.syllables() >= MIN_EXAMPLE_SYLLABLES && text.length() <= MAX_EXAMPLE_CHARS) {
      share.examples.add(new CorpusTotals.Example(HexFormat.of().formatHex(hash), text));
    }
    count(text, heldOut);
  }

  private long addedTokens(String text) {
    long found = 0;
    for (int id : tokenizer.encode(text, false)) {
      found += tokenizer.isAdded(id) ? 1 : 0;
    }
    return found;
  }

  private void count(String text, WordTable table) throws IOException {
    try {
      tokenizer.forEachWord(text, (chars, from, to) -> count(chars, from, to, table));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void count(char[] chars, int from, int to, WordTable table) {
    for (int at = from; at < to; ) {
      int end = pieceEnd(chars, at, to);
      int length = utf8(chars, at, end);
      if (!table.hasRoom(length)) {
        try {
          spill();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
      table.add(word, length, 1);
      at = end;
    }
  }

  /** Words of any length people write are whole; a longer one is cut between characters. */
  private static int pieceEnd(char[] chars, int from, int to) {
    if (to - from <= CorpusCounter.MAX_WORD_BYTES / 3) {
      return to;
    }
    int end = from + CorpusCounter.MAX_WORD_BYTES / 3;
    return Character.isLowSurrogate(chars[end]) ? end - 1 : end;
  }

  /** Writes a word's UTF-8 to {@link #word}; it holds no half pairs. */
  private int utf8(char[] chars, int from, int to) {
    if (word.length < (to - from) * 3 + Long.BYTES) {
      word = new byte[(to - from) * 6 + Long.BYTES];
    }
    byte[] out = word;
    int n = 0;
    for (int i = from; i < to; i++) {
      int c = chars[i];
      if (c < 0x80) {
        out[n++] = (byte) c;
        continue;
      }
      if (c < 0x800) {
        out[n++] = (byte) (0xC0 | c >> 6);
      } else if (Character.isHighSurrogate((char) c)) {
        c = Character.toCodePoint((char) c, chars[++i]);
        out[n++] = (byte) (0xF0 | c >> 18);
        out[n++] = (byte) (0x80 | c >> 12 & 0x3F);
        out[n++] = (byte) (0x80 | c >> 6 & 0x3F);
      } else {
        out[n++] = (byte) (0xE0 | c >> 12);
        out[n++] = (byte) (0x80 | c >> 6 & 0x3F);
      }
      out[n++] = (byte) (0x80 | c & 0x3F);
    }
    return n;
  }

  /** Writes the tables to a file and empties them. */
  void spill() throws IOException {
    Path run = folder.resolve("run-" + System.identityHashCode(this) + "-" + runs.size() + ".tmp");
    try (WordCountWriter writer = WordCountWriter.create(run, CorpusTotals.none(""))) {
      writer.section(counted);
      writer.section(heldOut);
      writer.finish();
    }
    runs.add(run);
    counted.clear();
    heldOut.clear();
  }
}
