package dev.eeve.internal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Files of one document a line: plain text, or JSON objects where the name ends in {@code .jsonl};
 * either compressed where it ends in {@code .gz}. Lines end at \n only; an empty line is a document
 * of a text file, and nothing follows the last line end.
 */
public final class DocumentLines {
  /** Lines are read together, some so many bytes at a time. */
  private static final int BLOCK_BYTES = 1 << 20;

  /** So that a file without line ends does not fill the memory. */
  private static final int MAX_LINE_BYTES = 1 << 28;

  private DocumentLines() {}

  /** Takes a line. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Called for each line.
     *
     * @param line without its end
     * @param place the file and the line's number, for messages
     * @throws IOException where the line is not as needed
     */
    void accept(String line, String place) throws IOException;
  }

  /** Takes whole lines together. */
  @FunctionalInterface
  public interface BlockVisitor {
    /**
     * Called for each block.
     *
     * @param data a new array each time; lines and their ends, the file's last may lack its own
     * @param length how much of it is filled
     * @param firstLine the number of the first line, from 1
     * @throws IOException where a line is not as needed
     */
    void accept(byte[] data, int length, long firstLine) throws IOException;
  }

  /** A line that holds no document; the message says why and names no place. */
  public static final class BadLine extends IOException {
    private static final long serialVersionUID = 1;

    BadLine(String message, IOException cause) {
      super(message, cause);
    }
  }

  /**
   * Whether a file's lines are JSON.
   *
   * @param file by its name
   * @return true for {@code .jsonl} and {@code .jsonl.gz}
   */
  public static boolean isJson(Path file) {
    return plainName(file).endsWith(".jsonl");
  }

  /**
   * A file's name without {@code .gz}.
   *
   * @param file any path
   * @return its last part; empty for a root
   */
  public static String plainName(Path file) {
    String name = file.getFileName() == null ? "" : file.getFileName().toString();
    return name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
  }

  /**
   * The text of each document: a line, or the "text" of a JSON line.
   *
   * @param file to be read
   * @param visitor takes each text
   * @throws IOException names the file and the line
   */
  public static void forEachText(Path file, Visitor visitor) throws IOException {
    forEachText(file, isJson(file), bytes -> {}, visitor);
  }

  /**
   * The text of each document.
   *
   * @param file to be read
   * @param json whether its lines are JSON, whatever its name
   * @param progress told how many bytes of the file have been read
   * @param visitor takes each text
   * @throws IOException names the file and the line
   */
  public static void forEachText(Path file, boolean json, LongConsumer progress, Visitor visitor)
      throws IOException {
    forEachLine(
        file,
        progress,
        (line, place) -> {
          String text;
          try {
            text = json ? textOf(line) : line;
          } catch (BadLine e) {
            throw new IOException(place + ": " + e.getMessage(), e);
          }
          visitor.accept(text, place);
        });
  }

  /**
   * Each line.
   *
   * @param file to be read
   * @param visitor takes each line
   * @throws IOException names the file and the line
   */
  public static void forEachLine(Path file, Visitor visitor) throws IOException {
    forEachLine(file, bytes -> {}, visitor);
  }

  private static void forEachLine(Path file, LongConsumer progress, Visitor visitor)
      throws IOException {
    forEachBlock(
        file,
        (data, length, firstLine) -> {
          long number = firstLine;
          for (int from = 0; from < length; ) {
            int to = lineEnd(data, from, length);
            String place = file + ": line " + number++;
            String line;
            try {
              line = decode(data, from, to);
            } catch (BadLine e) {
              throw new IOException(place + ": " + e.getMessage(), e);
            }
            visitor.accept(line, place);
            from = to + 1;
          }
        },
        progress);
  }

  /**
   * Where a line ends.
   *
   * @param data lines
   * @param from where it begins
   * @param length how much of the data is filled
   * @return the place of its \n, or the length
   */
  public static int lineEnd(byte[] data, int from, int length) {
    int to = from;
    while (to < length && data[to] != '\n') {
      to++;
    }
    return to;
  }

  /**
   * Decodes a line.
   *
   * @param data holds it
   * @param from where it begins
   * @param to where it ends
   * @return its text
   * @throws BadLine if it is not UTF-8
   */
  public static String decode(byte[] data, int from, int to) throws BadLine {
    String text = new String(data, from, to - from, StandardCharsets.UTF_8);
    if (text.indexOf('\uFFFD') >= 0) { // there, or put there for what is no UTF-8
      try {
        StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data, from, to - from));
      } catch (CharacterCodingException e) {
        throw new BadLine("not UTF-8, needed a UTF-8 file", e);
      }
    }
    return text;
  }

  /**
   * The text of a JSON line.
   *
   * @param line a JSON object with a string "text"
   * @return that string
   * @throws BadLine if it is something else
   */
  public static String textOf(String line) throws BadLine {
    JsonNode text;
    try {
      text = StrictJson.MAPPER.readTree(line).path("text");
    } catch (JsonProcessingException e) {
      throw new BadLine("not valid JSON, needed {\"text\": \"…\"}: " + StrictJson.reason(e), e);
    }
    if (!text.isTextual()) {
      throw new BadLine("no string \"text\", needed {\"text\": \"…\"}", null);
    }
    return text.textValue();
  }

  /**
   * Reads all lines, many together.
   *
   * @param file to be read
   * @param visitor takes them in order
   * @param progress told how many bytes of the file have been read
   * @throws IOException names the file, and what the visitor throws
   */
  public static void forEachBlock(Path file, BlockVisitor visitor, LongConsumer progress)
      throws IOException {
    try {
      FileFailure.checkRegular(file);
    } catch (FileSystemException e) {
      throw FileFailure.of(file, e);
    }
    boolean compressed = file.toString().endsWith(".gz");
    try (Counted counted = new Counted(Files.newInputStream(file));
        InputStream in = compressed ? new GZIPInputStream(counted, 1 << 16) : counted) {
      readBlocks(file, in, visitor, () -> progress.accept(counted.bytes));
    } catch (EOFException e) {
      throw new IOException(file + ": broken gzip data: it is cut off; fetch the file again", e);
    } catch (ZipException e) {
      throw new IOException(file + ": broken gzip data: " + e.getMessage(), e);
    } catch (FileSystemException e) {
      throw FileFailure.of(file, e);
    }
  }

  private static void readBlocks(
      Path file, InputStream in, BlockVisitor visitor, Runnable afterBlock) throws IOException {
    byte[] block = new byte[BLOCK_BYTES];
    int filled = 0;
    long line = 1;
    for (int got = 0; got >= 0; got = in.read(block, filled, block.length - filled)) {
      filled += got;
      if (filled < block.length) {
        continue;
      }
      int whole = lastLineEnd(block, filled);
      if (whole == 0) {
        block = longer(file, block, line);
        continue;
      }
      byte[] next = new byte[Math.max(BLOCK_BYTES, (filled - whole) * 2)];
      System.arraycopy(block, whole, next, 0, filled - whole);
      visitor.accept(block, whole, line);
      line += lineEnds(block, whole);
      filled -= whole;
      block = next;
      afterBlock.run();
    }
    if (filled > 0) {
      visitor.accept(block, filled, line);
    }
    afterBlock.run();
  }

  private static byte[] longer(Path file, byte[] block, long line) throws IOException {
    if (block.length >= MAX_LINE_BYTES) {
      throw new IOException(
          "%s: line %d: more than %d bytes; needed a document a line"
              .formatted(file, line, MAX_LINE_BYTES));
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
