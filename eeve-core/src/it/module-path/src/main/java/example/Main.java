package example;

import dev.eeve.LanguageModel;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.kernels.Simd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/** Prints which kernels run, then what follows the token ids, twice. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws IOException {
    int[] prompt = Arrays.stream(args[1].split(",")).mapToInt(Integer::parseInt).toArray();
    GenerationConfig config = GenerationConfig.greedy(24).withIgnoreEos(true);
    System.out.println(Simd.describe());
    for (int round = 0; round < 2; round++) {
      try (LanguageModel model = LanguageModel.open(Path.of(args[0]))) {
        System.out.println(model.generate(prompt, config).tokens());
      }
    }
  }
}
