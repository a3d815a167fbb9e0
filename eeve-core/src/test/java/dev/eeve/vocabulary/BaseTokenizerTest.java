package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.internal.HeldOutRule;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseTokenizerTest {
  @TempDir private Path folder;

  private Path corpus(String name, List<String> documents) throws IOException {
    return Files.writeString(folder.resolve(name), String.join("\n", documents) + "\n");
  }

  private static List<String> english() {
    return IntStream.range(0, 800)
        .mapToObj(i -> "the cat number " + i + " saw the other cat, didn't it? " + (i * 37 % 101))
        .toList();
  }

  @Test
  void learnsTheCommonestPairsAndReadsBackWhatItWrites() throws IOException {
    Path corpus = corpus("a.txt", english());
    Path file = folder.resolve("tokenizer.json");
    Tokenizer made = BaseTokenizer.train(List.of(corpus), 320, file, 2);
    assertEquals(320, made.vocabularySize());
    Tokenizer read = Tokenizer.read(file);
    String text = "the cat saw 영화 \uD83D\uDE00\n";
    assertArrayEquals(made.encode(text), read.encode(text));
    assertEquals(0, read.encode(text)[0], "every text starts with " + BaseTokenizer.END_OF_TEXT);
    assertEquals(text, read.decode(read.encode(text, false)));
    assertEquals(1, read.encode(" cat", false).length, "a frequent word is one token");
    assertEquals(3, read.encode("영", false).length, "what it never saw is bytes");
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(corpus, file), files.sorted().toList(), "nothing else is left");
    }
  }

  @Test
  void threadsChangeNothingAndHeldOutDocumentsAreNotSeen() throws IOException {
    HeldOutRule rule = new HeldOutRule();
    List<String> documents = english();
    List<String> kept = documents.stream().filter(text -> !rule.holdsOut(text)).toList();
    assertTrue(kept.size() < documents.size());
    Path all = folder.resolve("all.json");
    Path without = folder.resolve("kept.json");
    BaseTokenizer.train(List.of(corpus("all.txt", documents)), 400, all, 3);
    BaseTokenizer.train(List.of(corpus("kept.txt", kept)), 400, without, 1);
    assertArrayEquals(Files.readAllBytes(without), Files.readAllBytes(all));
  }

  @Test
  void refusesAVocabularyWithoutRoomForTheBytes() throws IOException {
    List<Path> corpus = List.of(corpus("b.txt", english()));
    Path file = folder.resolve("t.json");
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> BaseTokenizer.train(corpus, 256, file, 1));
    assertTrue(e.getMessage().startsWith("vocab_size: 256, needed at least 257"), e.getMessage());
  }
}
