package example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Golden;
import dev.eeve.LanguageModel;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.TokenStream;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import dev.eeve.tokenizer.TokenizerFiles;
import dev.eeve.training.Parameters;
import dev.eeve.training.RowSet;
import dev.eeve.training.TrainableParameters;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Java shown to users stands, line breaks apart, in a test source, so it compiles and runs. */
class SnippetTest {
  private static final Pattern FENCED = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final Pattern JAVADOC =
      Pattern.compile("\\{@snippet :\n(.*?)\n *\\* }\n", Pattern.DOTALL);

  /** This one, and the one that is built after it. */
  private static final List<Path> MODULES = List.of(Path.of("."), Path.of("../eeve-tiny-ko"));

  @TempDir Path folder;

  @Test
  void everySnippetOfTheReadmeAndTheJavadocIsPartOfACompiledTest() throws IOException {
    List<String> tests = new ArrayList<>();
    for (Path module : MODULES) {
      for (Path source : sources(module.resolve("src/test/java"))) {
        tests.add(squeeze(Files.readString(source)));
      }
    }
    List<String> snippets = new ArrayList<>(find(FENCED, Path.of("../README.md")));
    for (Path module : MODULES) {
      for (Path source : sources(module.resolve("src/main/java"))) {
        find(JAVADOC, source).forEach(s -> snippets.add(s.replaceAll("(?m)^ *\\*", "")));
      }
    }
    assertTrue(snippets.size() >= 3, snippets::toString);
    for (String snippet : snippets) {
      String wanted = squeeze(snippet);
      assertTrue(tests.stream().anyMatch(t -> t.contains(wanted)), () -> "in no test:\n" + snippet);
    }
  }

  @Test
  void theReadmesContextIsKeptInAFile() throws IOException {
    Path file = folder.resolve("context");
    int[] prompt = {145, 154, 70, 132, 116, 169, 14, 209};
    GenerationConfig config = GenerationConfig.greedy(5);
    try (LanguageModel model = LanguageModel.open(Golden.folder("tiny-f32"))) {
      goOn(model, prompt, config, file);
      byte[] first = Files.readAllBytes(file);
      goOn(model, prompt, config, file);
      assertArrayEquals(first, Files.readAllBytes(file));
    }
  }

  private static void goOn(LanguageModel model, int[] prompt, GenerationConfig config, Path file)
      throws IOException {
    try (Session session = model.session(prompt, config)) {
      if (Files.exists(file)) {
        model.load(session, file);
      }
      try (TokenStream stream = model.streamWithPrefix(session, prompt, config)) {
        stream.forEach(token -> System.out.print(token.text()));
      }
      model.save(session, file);
    }
  }

  @Test
  void theReadmesProgramPrintsWhatTheModelGenerates() throws IOException {
    Path golden = Golden.folder("tiny-f32");
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(golden.resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("tokenizer.json"), TokenizerFiles.bytesOnlyJson());
    String printed = printed(folder);
    try (LanguageModel model = LanguageModel.open(folder)) {
      String first = model.generate("한국의 수도는", GenerationConfig.greedy(64)).text();
      String second = model.generate("제주도의 날씨는", GenerationConfig.greedy(256)).text();
      assertFalse(first.isEmpty() || second.isEmpty());
      assertEquals(first + "\n" + second, printed);
    }
  }

  @Test
  void tensorsAreWrittenOneByOne() throws IOException {
    Path file = folder.resolve("two.safetensors");
    List<TensorSpec> tensors =
        List.of(
            new TensorSpec("b", DType.F32, List.of(1L)),
            new TensorSpec("a", DType.F16, List.of(2L)));
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, tensors, Map.of("format", "pt"))) {
      for (TensorSpec tensor : writer.order()) {
        writer.write(tensor.name(), bytesOf(tensor));
      }
      writer.finish();
    }
    byte[] bytes = Files.readAllBytes(file);
    byte[] tail = Arrays.copyOfRange(bytes, bytes.length - 8, bytes.length);
    assertArrayEquals(new byte[] {1, 1, 1, 1, 1, 1, 1, 1}, tail);
  }

  @Test
  void oneStageTrainsNewRowsOfTheEmbeddingAndAllOfTheHead() {
    Parameters parameters = Parameters.of(PhiConfig.eeve2_8b(), ElementType.BF16);
    TrainableParameters own =
        TrainableParameters.of(parameters)
            .unfreezeRows("model.embed_tokens.weight", RowSet.from(50_295))
            .unfreeze("lm_head.weight", "lm_head.bias");
    assertEquals((58_944 - 50_295) * 2560L + 58_944 * 2561L, own.parameterCount());
  }

  @Test
  void theReadmesTrainingWritesAModelWithNewRows() throws IOException {
    Path tokens = Files.writeString(folder.resolve("tokens.jsonl"), "{\"input_ids\":[1,300,2]}\n");
    TrainNewRows.train(Golden.folder("tiny-f32"), tokens, 256, folder.resolve("trained"));
    try (PhiModel before = PhiModel.open(Golden.folder("tiny-f32"), Optional.empty(), 1);
        PhiModel after = PhiModel.open(folder.resolve("trained"), Optional.empty(), 1)) {
      assertEquals(0f, moved(before, after, 2));
      assertTrue(moved(before, after, 300) > 0);
    }
  }

  private static float moved(PhiModel before, PhiModel after, int row) {
    float[] was = new float[before.config().hiddenSize()];
    float[] is = was.clone();
    before.embedTokens().row(row, was, 0);
    after.embedTokens().row(row, is, 0);
    float most = 0;
    for (int i = 0; i < was.length; i++) {
      most = Math.max(most, Math.abs(was[i] - is[i]));
    }
    return most;
  }

  private static MemorySegment bytesOf(TensorSpec tensor) {
    byte[] bytes = new byte[(int) tensor.byteSize()];
    Arrays.fill(bytes, (byte) 1);
    return MemorySegment.ofArray(bytes);
  }

  private static List<Path> sources(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files.filter(file -> file.toString().endsWith(".java")).toList();
    }
  }

  private static List<String> find(Pattern pattern, Path file) throws IOException {
    return pattern.matcher(Files.readString(file)).results().map(found -> found.group(1)).toList();
  }

  private static String squeeze(String source) {
    return source.replaceAll("\\s", "");
  }

  private static String printed(Path model) throws IOException {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try {
      KoreanText.main(new String[] {model.toString()});
    } finally {
      System.setOut(before);
    }
    return out.toString(StandardCharsets.UTF_8);
  }
}
