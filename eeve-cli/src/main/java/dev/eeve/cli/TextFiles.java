package dev.eeve.cli;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** UTF-8 files, whole or a document a line; lines end at \n only. */
final class TextFiles {
  private TextFiles() {}

  /** Takes one document. */
  @FunctionalInterface
  interface Document {
    void accept(String text, String place) throws IOException;
  }

  static String read(Path file) throws IOException {
    try (InputStream in = open(file)) {
      return decode(file.toString(), in.readAllBytes());
    }
  }

  /** Hands on every line; an empty one is a document, and nothing follows the last line end. */
  static void forEachLine(Path file, Progress progress, Document document) throws IOException {
    try (InputStream in = open(file)) {
      long total = Files.size(file);
      long done = 0;
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long number = 1;
      for (int b = in.read(); b >= 0 || line.size() > 0; b = in.read()) {
        if (b >= 0 && b != '\n') {
          line.write(b);
          continue;
        }
        String place = file + ": line " + number++;
        document.accept(decode(place, line.toByteArray()), place);
        done += line.size() + 1;
        progress.update(done, total);
        line.reset();
        if (b < 0) {
          return;
        }
      }
    }
  }

  /** A folder opens like a file and fails later, without its name. */
  private static InputStream open(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "a folder, needed a text file");
    }
    return new BufferedInputStream(Files.newInputStream(file), 1 << 16);
  }

  private static String decode(String place, byte[] bytes) throws IOException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException(place + ": not UTF-8; convert the file to UTF-8", e);
    }
  }
}
