package dev.eeve.vocabulary;

import dev.eeve.internal.FileFailure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * Reads a file that {@link WordCountWriter} wrote, entry by entry; a file that is broken or cut is
 * an {@link IOException} that names it, at its end at the latest.
 */
final class WordCountReader implements AutoCloseable {
  /** Longer words are counted in pieces, so a longer entry is a broken one. */
  private static final int MAX_WORD = CorpusCounter.MAX_WORD_BYTES + 8;

  private static final int MAX_HEADER = 1 << 24;

  private final Path path;
  private final FileChannel channel;
  private final CRC32C checksum = new CRC32C();
  private final byte[] buffer = new byte[1 << 16];
  private int at;
  private int end;
  private final CorpusTotals totals;
  private boolean inSection = true;

  /** The word at hand. */
  byte[] word = new byte[256];

  /** Its length. */
  int length;

  /** Its count. */
  long count;

  private WordCountReader(Path path, FileChannel channel) throws IOException {
    this.path = path;
    this.channel = channel;
    for (byte expected : WordCountWriter.MAGIC) {
      if (read() != expected) {
        throw broken("no file of word counts, needed one that --counts-only wrote");
      }
    }
    int size = 0;
    for (int i = 0; i < Integer.BYTES; i++) {
      size = size << 8 | read();
    }
    if (size < 0 || size > MAX_HEADER) {
      throw broken("a header of " + size + " bytes; count the corpus again");
    }
    byte[] header = new byte[size];
    readFully(header, size);
    totals = CorpusTotals.parse(path.toString(), header);
  }

  static WordCountReader open(Path path) throws IOException {
    try {
      FileFailure.checkRegular(path);
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      try {
        return new WordCountReader(path, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (java.nio.file.FileSystemException e) {
      throw FileFailure.of(path, e);
    }
  }

  Path path() {
    return path;
  }

  CorpusTotals totals() {
    return totals;
  }

  /** Goes to the next word of the section; false at its end. */
  boolean next() throws IOException {
    if (!inSection) {
      return false;
    }
    long size = readVarint();
    if (size == 0) {
      inSection = false;
      return false;
    }
    if (size < 0 || size > MAX_WORD) {
      throw broken("a word of " + size + " bytes; count the corpus again");
    }
    length = (int) size - 1;
    if (word.length < length + Long.BYTES) {
      word = new byte[length * 2 + Long.BYTES];
    }
    readFully(word, length);
    count = readVarint();
    return true;
  }

  /** Passes over what is left of this section. */
  void nextSection() throws IOException {
    while (next()) {}
    inSection = true;
  }

  /** Checks what follows the last section. */
  void checkEnd() throws IOException {
    checksum.update(buffer, 0, at);
    int expected = (int) checksum.getValue();
    int found = 0;
    for (int i = 0; i < Integer.BYTES; i++) {
      found = found << 8 | read();
    }
    if (found != expected) {
      throw broken("its checksum is wrong; count the corpus again");
    }
  }

  private long readVarint() throws IOException {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE - 1; shift += 7) {
      int b = read();
      value |= (long) (b & 0x7F) << shift;
      if (b < 0x80) {
        return value;
      }
    }
    throw broken("a number of more than 63 bits; count the corpus again");
  }

  private void readFully(byte[] out, int size) throws IOException {
    for (int done = 0; done < size; ) {
      if (at == end) {
        fill();
      }
      int part = Math.min(size - done, end - at);
      System.arraycopy(buffer, at, out, done, part);
      at += part;
      done += part;
    }
  }

  private int read() throws IOException {
    if (at == end) {
      fill();
    }
    return buffer[at++] & 0xFF;
  }

  private void fill() throws IOException {
    checksum.update(buffer, 0, end);
    ByteBuffer into = ByteBuffer.wrap(buffer);
    end = channel.read(into);
    at = 0;
    if (end <= 0) {
      end = 0;
      throw broken("it is cut off; count the corpus again");
    }
  }

  private IOException broken(String what) {
    return new IOException(path + ": " + what);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
