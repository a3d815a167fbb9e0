package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextDocumentsTest {
  @TempDir Path folder;

  private static List<String> lines(Path file) throws IOException {
    List<String> lines = new ArrayList<>();
    List<Long> progress = new ArrayList<>();
    TextDocuments.forEachLine(
        file,
        progress::add,
        (text, place) -> {
          lines.add(text);
          assertEquals(file + ": line " + lines.size(), place);
        });
    assertEquals(Files.size(file), progress.getLast());
    assertEquals(progress.stream().sorted().toList(), progress);
    return lines;
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  @Test
  void linesEndAtLineFeedsOnlyAndEmptyOnesAreDocuments() throws IOException {
    assertEquals(
        List.of("가\r", "", "a\u2028b\u0085", "끝"), lines(file("a", "가\r\n\na\u2028b\u0085\n끝")));
    assertEquals(List.of("가", ""), lines(file("b", "가\n\n")));
    assertEquals(List.of(), lines(file("c", "")));
  }

  @Test
  void linesAcrossBlocksAreWholeAndCompressedOnesTheSame() throws IOException {
    List<String> written = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      written.add((i + "한글 ").repeat(i * 3));
    }
    written.add("긴 줄".repeat(700_000)); // longer than two blocks
    written.addAll(Collections.nCopies(5, "끝"));
    String text = String.join("\n", written);
    assertEquals(written, lines(file("plain", text)));
    Path zipped = folder.resolve("zipped.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(zipped))) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    assertEquals(written, lines(zipped));
  }

  @Test
  void aLineThatIsNoDocumentIsNamed() throws IOException {
    Path text = folder.resolve("bad");
    Files.write(text, new byte[] {'a', '\n', (byte) 0xEC, '\n'});
    Path json = file("json", "{\"text\":\"가\"}\n{\"x\":1}\n");
    Path none = file("none", "{\"text\":\"가\"}\n\n");
    Path broken = file("broken", "{\"text\":\"가\"}\n{\"te\n");
    for (Path file : List.of(text, json, none, broken)) {
      List<String> seen = new ArrayList<>();
      TextDocuments.Visitor visitor = (line, place) -> seen.add(line);
      IOException e =
          assertThrows(
              IOException.class,
              () -> {
                if (file.equals(text)) {
                  TextDocuments.forEachLine(file, done -> {}, visitor);
                } else {
                  TextDocuments.forEachJsonText(file, done -> {}, visitor);
                }
              });
      assertTrue(e.getMessage().startsWith(file + ": line 2: n"), e.getMessage());
      assertEquals(1, seen.size());
    }
  }

  @Test
  void aFolderAMissingFileAndABrokenArchiveAreNamed() throws IOException {
    for (Path file :
        List.of(folder, folder.resolve("missing"), file("cut.gz", ""), file("no.gz", "text"))) {
      IOException e = assertThrows(IOException.class, () -> lines(file));
      assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
    }
  }
}
