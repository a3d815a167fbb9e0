package dev.eeve.vocabulary;

import dev.eeve.internal.FileFailure;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * A file of a corpus: {@code .txt}, a document a line, or {@code .jsonl}, a JSON object with {@code
 * "text"} a line; either one {@code .gz}. Lines end at \n only.
 */
final class CorpusFile {
  /** Lines are handed on together, some so many bytes at a time. */
  private static final int BLOCK_BYTES = 1 << 20;

  /** So that a file without line ends does not fill the memory. */
  private static final int MAX_LINE_BYTES = 1 << 28;

  private final Path path;
  private final boolean json;
  private final boolean compressed;

  private CorpusFile(Path path, boolean json, boolean compressed) {
    this.path = path;
    this.json = json;
    this.compressed = compressed;
  }

  /** Takes whole lines; the last one may lack its line end. */
  @FunctionalInterface
  interface Sink {
    void lines(byte[] data, int length, long firstLine) throws IOException;
  }

  static CorpusFile of(Path path) throws IOException {
    String name = path.getFileName() == null ? "" : path.getFileName().toString();
    boolean compressed = name.endsWith(".gz");
    String inner = compressed ? name.substring(0, name.length() - 3) : name;
    if (!inner.endsWith(".txt") && !inner.endsWith(".jsonl")) {
      throw new IllegalArgumentException(
          path + ": unknown kind of file, needed .txt, .jsonl, .txt.gz or .jsonl.gz; rename it");
    }
    try {
      FileFailure.checkRegular(path);
    } catch (FileSystemException e) {
      throw FileFailure.of(path, e);
    }
    return new CorpusFile(path, inner.endsWith(".jsonl"), compressed);
  }

  Path path() {
    return path;
  }

  boolean isJson() {
    return json;
  }

  /** Its size on disk. */
  long size() throws IOException {
    return Files.size(path);
  }

  /**
   * Reads all lines.
   *
   * @param sink gets a new array each time
   * @param progress told how many bytes of the file have been read
   */
  void forEachBlock(Sink sink, LongConsumer progress) throws IOException {
    try (Counted file = new Counted(Files.newInputStream(path));
        InputStream in = compressed ? new GZIPInputStream(file, 1 << 16) : file) {
      byte[] block = new byte[BLOCK_BYTES];
      int filled = 0;
      long line = 1;
      while (true) {
        int got = in.read(block, filled, block.length - filled);
        if (got < 0) {
          break;
        }
        filled += got;
        if (filled < block.length) {
          continue;
        }
        int whole = lastLineEnd(block, filled);
        if (whole == 0) {
          block = longer(block, line);
          continue;
        }
        byte[] next = new byte[BLOCK_BYTES];
        if (filled - whole >= next.length) {
          next = new byte[(filled - whole) * 2];
        }
        System.arraycopy(block, whole, next, 0, filled - whole);
        sink.lines(block, whole, line);
        line += lineEnds(block, whole);
        filled -= whole;
        block = next;
        progress.accept(file.bytes);
      }
      if (filled > 0) {
        sink.lines(block, filled, line);
      }
      progress.accept(file.bytes);
    } catch (ZipException | java.io.EOFException e) {
      throw new IOException(path + ": broken gzip data: " + e.getMessage(), e);
    } catch (FileSystemException e) {
      throw FileFailure.of(path, e);
    }
  }

  private byte[] longer(byte[] block, long line) throws IOException {
    if (block.length >= MAX_LINE_BYTES) {
      throw new IOException(
          "%s: line %d: more than %d bytes; needed a document a line"
              .formatted(path, line, MAX_LINE_BYTES));
    }
    return Arrays.copyOf(block, block.length * 2);
  }

  private static int lastLineEnd(byte[] block, int filled) {
    int at = filled;
    while (at > 0 && block[at - 1] != '\n') {
      at--;
    }
    return at;
  }

  private static long lineEnds(byte[] block, int length) {
    long lines = 0;
    for (int i = 0; i < length; i++) {
      lines += block[i] == '\n' ? 1 : 0;
    }
    return lines;
  }

  /** Knows how far it is. */
  private static final class Counted extends FilterInputStream {
    private long bytes;

    Counted(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int b = in.read();
      bytes += b < 0 ? 0 : 1;
      return b;
    }

    @Override
    public int read(byte[] out, int from, int length) throws IOException {
      int got = in.read(out, from, length);
      bytes += Math.max(0, got);
      return got;
    }
  }
}
