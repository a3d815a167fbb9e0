package dev.eeve.tinyko;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.generation.Generation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TinyKoreanTest {
  private static Set<Path> left() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("eeve-tiny-ko"))
          .collect(Collectors.toSet());
    }
  }

  @Test
  void writesKoreanAtAnyNumberOfThreads() throws IOException {
    String first = null;
    for (int threads : new int[] {1, 2, 3}) {
      LoadOptions options = LoadOptions.defaults().withThreads(threads);
      try (LanguageModel model = TinyKorean.open(options)) {
        Generation text = model.generate("오늘 본 영화는", model.generationConfig());
        long syllables = text.text().codePoints().filter(c -> c >= 0xAC00 && c <= 0xD7A3).count();
        assertTrue(syllables >= 20, text::text);
        assertFalse(text.text().contains("\uFFFD"), text::text);
        assertTrue(
            Stream.of(text.text().strip().split("\\s+")).distinct().count() >= 6, text::text);
        first = first == null ? text.text() : first;
        assertEquals(first, text.text());
      }
    }
  }

  @Test
  void aKoreanSentenceIsLikelierThanItsCharactersInAnotherOrder() throws IOException {
    try (LanguageModel model = TinyKorean.open()) {
      double sentence = model.score("정말 재미있는 영화였다").sum().nats();
      assertTrue(sentence < model.score("다였화영 는있미재 말정").sum().nats());
      assertTrue(sentence < model.score("영화였다 정말 재미있는").sum().nats());
    }
  }

  @Test
  void isAsSmallAsItSays() throws IOException {
    try (TinyKorean files = TinyKorean.extract();
        LanguageModel model = LanguageModel.open(files.model())) {
      assertTrue(Files.size(files.model()) <= 9_000_000);
      long parameters = model.phi().config().parameterCount();
      assertTrue(parameters >= 6_000_000 && parameters <= 8_000_000, () -> "" + parameters);
      assertEquals(1.9f, model.generationConfig().repetitionPenalty());
    }
  }

  @Test
  void leavesNoFile() throws IOException {
    Set<Path> before = left();
    TinyKorean.open().close();
    try (TinyKorean files = TinyKorean.extract()) {
      assertTrue(Files.isRegularFile(files.model()));
    }
    Set<Path> after = left();
    after.removeAll(before);
    assertEquals(Set.of(), after);
  }
}
