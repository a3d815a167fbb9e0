package dev.eeve.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** UTF-8 files, read whole. */
final class TextFiles {
  private TextFiles() {}

  static String read(Path file) throws IOException {
    if (Files.isDirectory(file)) { // opens like a file and fails later, without its name
      throw new FileSystemException(file.toString(), null, "a folder, needed a text file");
    }
    byte[] bytes = Files.readAllBytes(file);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException(file + ": not UTF-8; convert the file to UTF-8", e);
    }
  }
}
