package dev.eeve.internal;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/**
 * Files of one document a line: plain text, or JSON objects where the name ends in {@code .jsonl};
 * either compressed where it ends in {@code .gz}. Lines end at \n only; an empty line is a document
 * of a text file.
 */
public final class DocumentLines {
  private static final int BUFFER = 1 << 16;

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

  /**
   * Whether a file's lines are JSON.
   *
   * @param file by its name
   * @return true for {@code .jsonl} and {@code .jsonl.gz}
   */
  public static boolean isJson(Path file) {
    return plainName(file).endsWith(".jsonl");
  }

  private static String plainName(Path file) {
    String name = file.getFileName().toString();
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
    boolean json = isJson(file);
    forEachLine(
        file,
        (line, place) -> {
          if (!json) {
            visitor.accept(line, place);
            return;
          }
          JsonNode text =
              StrictJson.parse(place, line.getBytes(StandardCharsets.UTF_8)).path("text");
          if (!text.isTextual()) {
            throw new IOException(place + ": no string \"text\", needed {\"text\": \"…\"}");
          }
          visitor.accept(text.textValue(), place);
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
    try {
      FileFailure.checkRegular(file);
    } catch (java.nio.file.NoSuchFileException e) {
      throw FileFailure.of(file, e);
    }
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file), BUFFER);
        InputStream in =
            file.getFileName().toString().endsWith(".gz")
                ? new BufferedInputStream(new GZIPInputStream(raw, BUFFER), BUFFER)
                : raw) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long number = 1;
      for (int b = in.read(); b >= 0 || line.size() > 0; b = in.read()) {
        if (b >= 0 && b != '\n') {
          line.write(b);
          continue;
        }
        String place = file + ": line " + number++;
        visitor.accept(decode(place, line.toByteArray()), place);
        line.reset();
        if (b < 0) {
          return;
        }
      }
    }
  }

  private static String decode(String place, byte[] bytes) throws IOException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException(place + ": not UTF-8; convert the file to UTF-8", e);
    }
  }
}
