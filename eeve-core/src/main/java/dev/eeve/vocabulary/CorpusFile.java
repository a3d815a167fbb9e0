package dev.eeve.vocabulary;

import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.FileFailure;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file of a corpus: {@code .txt}, a document a line, or {@code .jsonl}, a JSON object with {@code
 * "text"} a line; either one {@code .gz}.
 *
 * @param path where it is
 * @param isJson whether its lines are JSON
 * @param size on disk
 */
record CorpusFile(Path path, boolean isJson, long size) {
  static CorpusFile of(Path path) throws IOException {
    String name = DocumentLines.plainName(path);
    if (!name.endsWith(".txt") && !name.endsWith(".jsonl")) {
      throw new IllegalArgumentException(
          path + ": unknown kind of file, needed .txt, .jsonl, .txt.gz or .jsonl.gz; rename it");
    }
    try {
      FileFailure.checkRegular(path);
      return new CorpusFile(path, DocumentLines.isJson(path), Files.size(path));
    } catch (FileSystemException e) {
      throw FileFailure.of(path, e);
    }
  }
}
