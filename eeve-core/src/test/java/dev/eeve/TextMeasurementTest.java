package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.evaluation.ScoreSum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextMeasurementTest {
  @TempDir private Path folder;

  @Test
  void sumsWhatTheModelSaysOfEachDocumentAndCountsKoreanUnits() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(Golden.folder("tiny-f32").resolve(name), model.resolve(name));
    }
    Files.write(model.resolve("tokenizer.json"), ByteTokenizer.json());
    Path text = Files.writeString(folder.resolve("text.txt"), "영화 좋다\n\nok ㅋ\n");
    try (LanguageModel language = LanguageModel.open(model)) {
      TextMeasurement measured = TextMeasurement.of(language, text, bytes -> {});
      ScoreSum sum = language.score("영화 좋다").sum();
      sum = sum.plus(language.score("").sum()).plus(language.score("ok ㅋ").sum());
      assertEquals(sum, measured.score());
      assertEquals(4, measured.syllables());
      assertEquals(4, measured.eojeols());
      assertEquals(19 / 4.0, measured.tokensPerSyllable().getAsDouble());
      assertEquals(19 / 4.0, measured.tokensPerEojeol().getAsDouble());
      Path english = Files.writeString(folder.resolve("e.txt"), "a b\n");
      assertTrue(TextMeasurement.of(language, english, bytes -> {}).tokensPerSyllable().isEmpty());
    }
  }
}
