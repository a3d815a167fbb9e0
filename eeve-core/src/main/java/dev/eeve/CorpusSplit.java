package dev.eeve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.HeldOutRule;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A corpus file cut in two: documents to train on, and those held out to measure on. Held out are
 * the documents whose SHA-256 begins with 00, the ones that {@link
 * dev.eeve.vocabulary.VocabularyExpander} does not count either.
 *
 * @param train a file of the documents to train on
 * @param heldOut a file of the others
 * @param trainDocuments how many are in the first
 * @param heldOutDocuments how many are in the second
 */
public record CorpusSplit(Path train, Path heldOut, long trainDocuments, long heldOutDocuments) {
  private static final int BUFFER_BYTES = 1 << 20;

  /**
   * Cuts a file in two, {@code train/NAME} and {@code held-out/NAME} in a folder, documents in the
   * file's order.
   *
   * @param file .txt, a document a line, or .jsonl, a JSON object with "text" a line; either one
   *     .gz. The new files are of the same kind, but not compressed
   * @param folder where to; made if it is not there
   * @return the two files
   * @throws IOException names the file and line that is wrong
   */
  public static CorpusSplit write(Path file, Path folder) throws IOException {
    String name = DocumentLines.plainName(file);
    boolean json = DocumentLines.isJson(file);
    Path train = Files.createDirectories(folder.resolve("train")).resolve(name);
    Path heldOut = Files.createDirectories(folder.resolve("held-out")).resolve(name);
    HeldOutRule rule = new HeldOutRule();
    try (Part kept = new Part(train, json);
        Part apart = new Part(heldOut, json)) {
      DocumentLines.forEachText(
          file, (text, place) -> (rule.holdsOut(text) ? apart : kept).add(text));
      kept.commit();
      apart.commit();
      return new CorpusSplit(train, heldOut, kept.documents, apart.documents);
    }
  }

  /** One of the two files. */
  private static final class Part implements AutoCloseable {
    private final AtomicFile file;
    private final boolean json;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    private long documents;

    Part(Path target, boolean json) throws IOException {
      this.file = AtomicFile.create(target);
      this.json = json;
    }

    void add(String text) throws IOException {
      put(json ? line(text) : text.getBytes(StandardCharsets.UTF_8));
      put(new byte[] {'\n'});
      documents++;
    }

    private static byte[] line(String text) throws IOException {
      ObjectNode object = StrictJson.MAPPER.createObjectNode().put("text", text);
      return StrictJson.MAPPER.writeValueAsBytes(object);
    }

    private void put(byte[] bytes) throws IOException {
      if (bytes.length > buffer.remaining()) {
        flush();
      }
      if (bytes.length > buffer.remaining()) {
        file.write(ByteBuffer.wrap(bytes));
      } else {
        buffer.put(bytes);
      }
    }

    private void flush() throws IOException {
      file.write(buffer.flip());
      buffer.clear();
    }

    void commit() throws IOException {
      flush();
      file.commit();
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}
