package example;

import dev.eeve.LanguageModel;
import dev.eeve.generation.GeneratedToken;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.TokenStream;
import java.io.IOException;
import java.nio.file.Path;

class KoreanText {
  public static void main(String[] args) throws IOException {
    try (LanguageModel model = LanguageModel.open(Path.of(args[0]))) {
      System.out.println(model.generate("한국의 수도는", GenerationConfig.greedy(64)).text());

      GenerationConfig config = GenerationConfig.greedy(256).withStop("\n\n");
      try (TokenStream stream = model.stream("제주도의 날씨는", config)) {
        for (GeneratedToken token : stream) { // leaving the loop ends the generation
          System.out.print(token.text()); // never half a character
        }
      }
    }
  }
}
