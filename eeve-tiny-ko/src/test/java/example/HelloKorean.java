package example;

import dev.eeve.LanguageModel;
import dev.eeve.tinyko.TinyKorean;
import java.io.IOException;

class HelloKorean {
  public static void main(String[] args) throws IOException {
    try (LanguageModel model = TinyKorean.open()) {
      System.out.println(model.generate("오늘 본 영화는", model.generationConfig()).text());
    }
  }
}
