package dev.eeve.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  @TempDir Path folder;

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  @Test
  void oldContentStaysUntilTheNewIsPublished() throws IOException {
    Path target = Files.writeString(folder.resolve("x"), "old");
    try (AtomicFile file = AtomicFile.create(target)) {
      file.write(bytes("new"));
      assertThrows(IllegalStateException.class, file::publish);
      file.stage();
      assertEquals("old", Files.readString(target));
      file.publish();
      assertEquals("new", Files.readString(target));
    }
    assertEquals(List.of(target), files());
  }

  @Test
  void anUnfinishedFileLeavesNoTrace() throws IOException {
    try (AtomicFile file = AtomicFile.create(folder.resolve("x"))) {
      file.write(bytes("new"));
    }
    assertEquals(List.of(), files());
    AtomicFile staged = AtomicFile.create(folder.resolve("x"));
    staged.stage();
    staged.close();
    staged.close();
    assertEquals(List.of(), files());
  }

  @Test
  void aFullDiskNamesTheFileAndLeavesNoTrace() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "no /dev/full on this system");
    Path target = folder.resolve("x");
    Path partial = Files.createFile(folder.resolve("partial"));
    try (AtomicFile file =
        new AtomicFile(target, partial, FileChannel.open(full, StandardOpenOption.WRITE))) {
      IOException e = assertThrows(IOException.class, () -> file.write(bytes("new")));
      assertTrue(e.getMessage().startsWith(target + ": No space left"), e.getMessage());
      assertThrows(IllegalStateException.class, file::commit);
    }
    assertEquals(List.of(), files());
  }

  @Test
  void aLinkIsReplacedAndWhatItPointsToStays() throws IOException {
    Path blob = Files.writeString(folder.resolve("blob"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("blob"));
    AtomicFile.write(link, "new".getBytes(StandardCharsets.UTF_8));
    assertFalse(Files.isSymbolicLink(link));
    assertEquals("new", Files.readString(link));
    assertEquals("old", Files.readString(blob));
  }
}
