package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.Golden;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.Tokenizer;
import dev.eeve.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What counts new tokens: both readings of stage 1's loss, and the bias of the data. */
class NewTokensTest {
  /** Bytes are 0 to 255; 256 is "ab", an old token; 257 "abc" and 258 "xy" are new. */
  private static final int OLD = 257;

  @TempDir private Path folder;
  private Path base;

  @BeforeEach
  void makeBase() throws IOException {
    base = Files.createDirectory(folder.resolve("base"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(Golden.folder("tiny-f32").resolve(name), base.resolve(name));
    }
    ObjectNode root = (ObjectNode) StrictJson.MAPPER.readTree(TokenizerFiles.bytesOnlyJson());
    ObjectNode model = (ObjectNode) root.get("model");
    ((ObjectNode) model.get("vocab")).put("ab", 256).put("abc", 257).put("xy", 258);
    ((ArrayNode) model.get("merges")).add("a b").add("ab c").add("x y");
    Files.write(base.resolve("tokenizer.json"), StrictJson.MAPPER.writeValueAsBytes(root));
  }

  private Map<String, Object> settings(String output, String... lines) throws IOException {
    Path text = folder.resolve(output + ".txt");
    Files.write(text, List.of(lines), StandardCharsets.UTF_8);
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("base_model", base.toString());
    all.put("output_dir", folder.resolve(output).toString());
    all.put("datasets", List.of(Map.of("path", text.toString(), "type", "text")));
    all.put("sequence_len", 16);
    all.put("learning_rate", 0.001);
    all.put("max_steps", 2);
    all.put("number_of_old_tokens", OLD);
    all.put("stage", 1);
    return all;
  }

  private static List<String> run(Map<String, Object> settings) throws IOException {
    List<String> told = new ArrayList<>();
    TrainingRun.Listener listener =
        new TrainingRun.Listener() {
          @Override
          public void message(String text) {
            told.add(text);
          }

          @Override
          public void step(
              TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble valLoss) {
            told.add("loss " + step.loss());
          }
        };
    new TrainingRun(TrainingPlan.parse(settings), TrainingRun.Existing.REFUSE, 1, listener).run();
    return told;
  }

  @Test
  void aNewLabelCountsAsTheFirstOldTokenOfItsBytes() throws IOException {
    Tokenizer tokenizer = Tokenizer.read(base.resolve("tokenizer.json"));
    assertArrayEquals(new int[] {257, 258, 256, 'q'}, tokenizer.encode("abcxyabq"));
    LossLabels labels = LossLabels.firstOldToken(tokenizer, OLD);
    int[] targets = {257, 258, 256, 'q', TokenDataset.IGNORED, 300};
    TrainingBatch batch = new TrainingBatch(new int[6], targets, new int[] {0});
    int ignored = TokenDataset.IGNORED;
    assertArrayEquals(
        new int[] {256, 'x', 256, 'q', ignored, ignored}, labels.applied(batch).targets());
    assertEquals(OLD, labels.rows());
    assertArrayEquals(new int[] {257, 258, 256, 'q', ignored, 300}, targets, "not in place");
  }

  @Test
  void bothReadingsOfTheLossTrainStageOne() throws IOException {
    List<String> plain = run(settings("plain", "abcxyabq"));
    Map<String, Object> second = settings("second", "abcxyabq");
    second.put("new_token_loss", "first_old_token");
    List<String> other = run(second);
    assertEquals(2, plain.size());
    assertEquals(2, other.size());
    assertTrue(!plain.getFirst().equals(other.getFirst()), plain + " " + other);
  }

  @Test
  void theBiasToNewTokensTellsItsEffect() throws IOException {
    Map<String, Object> settings = settings("bias", "abcabcabcabc", "qqqqqqqqqqqq");
    settings.put("new_token_bias", 4);
    String told = run(settings).getFirst();
    assertTrue(
        told.matches(
            "new_token_bias 4.0: new tokens are [\\d.]+ % of an epoch, [\\d.]+ % without it"),
        told);
    String[] shares = told.replaceAll("[^\\d. ]", "").trim().split(" +");
    assertTrue(Double.parseDouble(shares[1]) > 1.3 * Double.parseDouble(shares[2]), told);
  }
}
