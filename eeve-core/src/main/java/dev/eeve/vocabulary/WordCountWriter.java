package dev.eeve.vocabulary;

import dev.eeve.internal.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * Writes a file of word counts: the magic bytes, the totals as JSON (their length before them, 4
 * bytes, big-endian), the words counted, those held out, and a CRC-32C of all that.
 *
 * <p>Each list of words is sorted by bytes, unsigned. An entry is the word's length + 1 (a varint:
 * 7 bits a byte, lowest first), its bytes and its count (a varint); a length of 0 ends the list.
 */
final class WordCountWriter implements AutoCloseable {
  static final byte[] MAGIC = "EEVEwc1\n".getBytes(StandardCharsets.US_ASCII);

  private static final int MAX_VARINT = 10;

  private final AtomicFile file;
  private final CRC32C checksum = new CRC32C();
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);

  private WordCountWriter(AtomicFile file) {
    this.file = file;
  }

  static WordCountWriter create(Path path, CorpusTotals totals) throws IOException {
    WordCountWriter writer = new WordCountWriter(AtomicFile.create(path));
    byte[] header = totals.toJson().toString().getBytes(StandardCharsets.UTF_8);
    writer.put(MAGIC, 0, MAGIC.length);
    writer.buffer.putInt(header.length);
    writer.put(header, 0, header.length);
    return writer;
  }

  void word(byte[] bytes, int from, int to, long count) throws IOException {
    putVarint(to - from + 1L);
    put(bytes, from, to);
    putVarint(count);
  }

  void endSection() throws IOException {
    putVarint(0);
  }

  /** Writes all words of a table as a section. */
  void section(WordTable table) throws IOException {
    for (int number : table.sorted()) {
      word(table.bytes(), table.start(number), table.end(number), table.count(number));
    }
    endSection();
  }

  private void putVarint(long value) throws IOException {
    if (buffer.remaining() < MAX_VARINT) {
      drain();
    }
    long rest = value;
    while (rest > 0x7F) {
      buffer.put((byte) (rest | 0x80));
      rest >>>= 7;
    }
    buffer.put((byte) rest);
  }

  private void put(byte[] bytes, int from, int to) throws IOException {
    for (int at = from; at < to; ) {
      if (!buffer.hasRemaining()) {
        drain();
      }
      int part = Math.min(to - at, buffer.remaining());
      buffer.put(bytes, at, part);
      at += part;
    }
  }

  private void drain() throws IOException {
    buffer.flip();
    checksum.update(buffer.duplicate());
    file.write(buffer);
    buffer.clear();
  }

  /** Puts the file in its place. */
  void finish() throws IOException {
    drain();
    buffer.putInt((int) checksum.getValue()).flip();
    file.write(buffer);
    file.commit();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
