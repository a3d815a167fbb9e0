package example;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.eeve.LanguageModel;
import dev.eeve.tinyko.TinyKorean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class HelloKoreanTest {
  @Test
  void theReadmesProgramPrintsWhatTheModelSays() throws IOException {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      HelloKorean.main(new String[0]);
    } finally {
      System.setOut(before);
    }
    try (LanguageModel model = TinyKorean.open()) {
      String text = model.generate("오늘 본 영화는", model.generationConfig()).text();
      assertEquals(text + System.lineSeparator(), out.toString(StandardCharsets.UTF_8));
    }
  }
}
