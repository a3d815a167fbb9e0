package dev.eeve;

import dev.eeve.internal.DocumentLines;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.LongConsumer;

/**
 * Documents of UTF-8 files, one a line; read as a stream, {@code .gz} by the file's name. Lines end
 * at \n only, an empty line is a document, and nothing follows the last line end.
 */
public final class TextDocuments {
  private TextDocuments() {}

  /** Takes one document. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Called for each document in order.
     *
     * @param text the document
     * @param place the file and the line's number, for messages
     * @throws IOException where the document cannot be worked on; ends reading
     */
    void accept(String text, String place) throws IOException;
  }

  /**
   * Each line is a document.
   *
   * @param file to be read
   * @param progress told from time to time how many bytes of the file have been read
   * @param visitor takes each document
   * @throws IOException names the file and the line that is wrong
   */
  public static void forEachLine(Path file, LongConsumer progress, Visitor visitor)
      throws IOException {
    DocumentLines.forEachText(file, false, progress, visitor::accept);
  }

  /**
   * The string "text" of the JSON object in each line is a document.
   *
   * @param file to be read
   * @param progress told from time to time how many bytes of the file have been read
   * @param visitor takes each document
   * @throws IOException names the file and the line that is wrong
   */
  public static void forEachJsonText(Path file, LongConsumer progress, Visitor visitor)
      throws IOException {
    DocumentLines.forEachText(file, true, progress, visitor::accept);
  }
}
