package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusSplitTest {
  @TempDir private Path folder;

  private static boolean beginsWithZeros(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8))[0]
          == 0;
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static List<String> documents(int count) {
    return IntStream.range(0, count).mapToObj(i -> "문서 " + i + (i % 7 == 0 ? "" : " end")).toList();
  }

  private static List<String> read(Path file) throws IOException {
    List<String> texts = new ArrayList<>();
    TextDocuments.Visitor visitor = (text, place) -> texts.add(text);
    if (file.toString().endsWith(".jsonl")) {
      TextDocuments.forEachJsonText(file, bytes -> {}, visitor);
    } else {
      TextDocuments.forEachLine(file, bytes -> {}, visitor);
    }
    return texts;
  }

  @Test
  void everyDocumentIsInOneOfTheFilesAndTheHashDecidesWhich() throws IOException {
    List<String> all = documents(5000);
    Path file = Files.writeString(folder.resolve("a.txt"), String.join("\n", all));
    CorpusSplit split = CorpusSplit.write(file, folder.resolve("parts"));
    List<String> held = all.stream().filter(CorpusSplitTest::beginsWithZeros).toList();
    assertTrue(held.size() > 5, held::toString);
    assertEquals(held, read(split.heldOut()));
    assertEquals(all.stream().filter(text -> !beginsWithZeros(text)).toList(), read(split.train()));
    assertEquals(held.size(), split.heldOutDocuments());
    assertEquals(all.size() - held.size(), split.trainDocuments());
  }

  @Test
  void jsonKeepsLineEndsInsideDocumentsAndGzipIsRead() throws IOException {
    Path file = folder.resolve("b.jsonl.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      for (int i = 0; i < 2000; i++) {
        out.write(("{\"text\":\"줄\\n" + i + "\"}\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    CorpusSplit split = CorpusSplit.write(file, folder);
    assertEquals("b.jsonl", split.train().getFileName().toString());
    List<String> all = IntStream.range(0, 2000).mapToObj(i -> "줄\n" + i).toList();
    List<String> held = read(split.heldOut());
    assertFalse(held.isEmpty());
    assertEquals(all.stream().filter(CorpusSplitTest::beginsWithZeros).toList(), held);
    assertEquals(all.size() - held.size(), read(split.train()).size());
  }

  @Test
  void aBadLineLeavesNoFile() throws IOException {
    Path file = Files.write(folder.resolve("c.txt"), new byte[] {'a', '\n', (byte) 0xFF, '\n'});
    IOException e = assertThrows(IOException.class, () -> CorpusSplit.write(file, folder));
    assertTrue(e.getMessage().contains("c.txt: line 2"), e.getMessage());
    for (String part : new String[] {"train", "held-out"}) {
      try (Stream<Path> files = Files.list(folder.resolve(part))) {
        assertEquals(List.of(), files.toList());
      }
    }
  }
}
