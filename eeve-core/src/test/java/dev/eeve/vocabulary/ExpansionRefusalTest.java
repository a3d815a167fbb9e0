package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Inputs no expansion can be made of. */
class ExpansionRefusalTest {
  private static final ExpansionConfig CONFIG =
      ExpansionConfig.defaults().withMinCount(2).withThreads(2);

  @TempDir static Path folder;
  private static Path base;

  @BeforeAll
  static void writeBase() throws IOException {
    base = SmallBase.write(folder.resolve("base"), DType.BF16);
  }

  @Test
  void aCorpusWithoutKoreanIsRefusedAndLeavesNothing() throws IOException {
    Path here = Files.createDirectory(folder.resolve("none"));
    Path english = Files.writeString(here.resolve("e.txt"), "no Korean\nnone at all\n");
    Path empty = Files.writeString(here.resolve("empty.txt"), "");
    VocabularyExpander expander = VocabularyExpander.open(base, CONFIG);
    for (Path file : List.of(english, empty)) {
      IOException e =
          assertThrows(
              IOException.class,
              () -> expander.expand(List.of(file), List.of(), here.resolve("wide")));
      assertTrue(e.getMessage().startsWith("corpus: no Korean character in "), e.getMessage());
      assertFalse(Files.exists(here.resolve("wide")));
    }
  }

  @Test
  void whatIsWrongWithFilesIsSaidBeforeCountingAndLeavesNothing() throws IOException {
    Path here = Files.createDirectory(folder.resolve("wrong"));
    Path good = SmallBase.corpus(here.resolve("c.txt"), 50, 3);
    Path cut = here.resolve("cut.txt.gz");
    Files.write(cut, new byte[0]);
    Path wide = here.resolve("wide");
    VocabularyExpander expander = VocabularyExpander.open(base, CONFIG);
    Map<Path, String> wrong =
        Map.of(
            good,
            ": no file of word counts, needed one that --counts-only wrote",
            here.resolve("missing"),
            ": no such file or folder");
    wrong.forEach(
        (counts, message) ->
            assertEquals(
                counts + message,
                assertThrows(
                        IOException.class,
                        () -> expander.expand(List.of(good), List.of(counts), wide))
                    .getMessage()));
    assertEquals(
        cut + ": broken gzip data: it is cut off; fetch the file again",
        assertThrows(IOException.class, () -> expander.expand(List.of(cut), List.of(), wide))
            .getMessage());
    byte[] text = Files.readAllBytes(good);
    assertThrows(IllegalArgumentException.class, () -> expander.count(List.of(good), good));
    assertThrows(IllegalArgumentException.class, () -> expander.count(List.of(good), here));
    assertArrayEquals(text, Files.readAllBytes(good));
    expander.measureOn(here.resolve("missing.txt"));
    assertThrows(IOException.class, () -> expander.expand(List.of(good), List.of(), wide));
    try (var left = Files.list(here)) {
      assertEquals(Set.of(good, cut), left.collect(Collectors.toSet()));
    }
  }
}
