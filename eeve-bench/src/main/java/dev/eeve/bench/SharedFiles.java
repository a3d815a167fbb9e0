package dev.eeve.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** The folder {@code shared} beside the checkout that this JVM was started in. */
final class SharedFiles {
  private SharedFiles() {}

  /**
   * Finds a file.
   *
   * @throws NoSuchFileException says what is missing where
   */
  static Path find(String name) throws IOException {
    Path start = Path.of("").toAbsolutePath();
    Path folder = start;
    while (folder != null && !Files.exists(folder.resolve(".ci"))) {
      folder = folder.getParent();
    }
    if (folder == null) {
      throw new NoSuchFileException(
          start + ": is not inside the checkout, needed to find shared/" + name + "; go there");
    }
    Path file = folder.resolveSibling("shared").resolve(name);
    if (!Files.exists(file)) {
      throw new NoSuchFileException(
          file + ": no such file, needed for this benchmark; put the folder beside the checkout");
    }
    return file;
  }
}
