package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeCommandTest {
  private static final String CONFIG =
      "{model_type: phi, vocab_size: 300, hidden_size: 16, intermediate_size: 32,"
          + " num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,"
          + " bos_token_id: 0, eos_token_id: 0, torch_dtype: float32}";

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void corpora() throws IOException {
    StringBuilder english = new StringBuilder();
    StringBuilder korean = new StringBuilder();
    for (int i = 0; i < 1500; i++) {
      english.append("the film was good, number ").append(i).append('\n');
      korean.append("영화 ").append(i).append("번 봤다, 정말 좋은 영화\n");
    }
    Files.writeString(folder.resolve("english.txt"), english);
    Files.writeString(folder.resolve("korean.txt"), korean);
    file = folder.resolve("recipe.yaml");
  }

  private String steps(String lastSteps) {
    return """
    folder: %s
    values: {corpus: %s}
    steps:
      - name: text
        split: {files: ["${corpus}/english.txt", "${corpus}/korean.txt"]}
      - name: tokenizer
        tokenizer: {corpus: ["${corpus}/english.txt"], vocab_size: 300}
      - name: base
        train:
          model_config: %s
          tokenizer: "${tokenizer}/tokenizer.json"
          datasets: [{path: "${text}/train/english.txt", type: text}]
          unfrozen_parameters: ["^.+"]
          sequence_len: 32
          learning_rate: 1.0e-3
          max_steps: 3
      - name: wide
        expand: {model: "${base}", corpus: ["${corpus}/korean.txt"], output: "${folder}/wide",
                 max-added-tokens: 40, special-tokens: none, json: true}
      - name: korean
        train:
          base_model: "${wide}"
          number_of_old_tokens: 300
          datasets: [{path: "${text}/train/korean.txt", type: text}]
          sequence_len: 32
          learning_rate: 1.0e-2
          max_steps: 2
          stages: [1, 2]
    %s"""
        .formatted(folder.resolve("work"), folder, CONFIG, lastSteps);
  }

  private static String measure(int newTokens) {
    return """
      - name: points
        measure:
          models: {before: "${base}", after: "${korean}/stage-2"}
          texts: {korean: "${text}/held-out/korean.txt"}
      - name: samples
        sample: {models: {own: "${korean}"}, prompts: ["영화", "정말"], count: 3,
                 max_new_tokens: %d, temperature: 0.8}
    """
        .formatted(newTokens)
        .indent(0);
  }

  /** Every section there is. */
  private static final String REPORT =
      """
        - name: page
          report:
            output: "${folder}/page/page.md"
            sections:
              - text: "# A title"
              - data: "${text}"
              - points: {measured: ["${points}"], picture: points.png}
              - training: {of: "${korean}", picture: training.png}
              - comparison: {measured: ["${points}"], rows: {after: "${korean}"}}
              - speed: "${samples}"
              - samples: "${samples}"
              - steps: ["${base}", "${korean}"]
      """;

  @Test
  void aReportIsMadeOfWhatTheStepsFound() throws IOException {
    Files.writeString(file, steps(measure(4)) + REPORT);
    JsonNode steps = Run.json("recipe", file, "--json").path("steps");
    assertEquals(8, steps.size());
    String page = Files.readString(folder.resolve("work/page/page.md"));
    assertTrue(page.startsWith("# A title\n\n| file | SHA-256 |"), page);
    double bits = steps.at("/points/output/after/korean/bits_per_byte").doubleValue();
    String shown = String.format(Locale.ROOT, "%.3f", bits);
    assertTrue(page.contains("| after | " + shown + " |"), page);
    assertTrue(page.contains("| after | 4 | "), "2 updates in each of 2 stages: " + page);
    assertTrue(page.contains("2. **정말**"), page);
    for (String picture : List.of("points.png", "training.png")) {
      assertTrue(page.contains("](" + picture + ")"), page);
      assertTrue(ImageIO.read(folder.resolve("work/page/" + picture).toFile()).getWidth() > 500);
    }
    assertFalse(page.contains(folder.toString()), "no path of this machine");
  }

  private Run run(String... more) {
    Object[] all = new Object[2 + more.length];
    all[0] = "recipe";
    all[1] = file;
    System.arraycopy(more, 0, all, 2, more.length);
    return Run.of(all);
  }

  @Test
  void stepsRunOnceAndAChangedOneRunsAgainWithWhatRefersToIt() throws IOException {
    Files.writeString(file, steps(measure(4)));
    Run first = run();
    assertEquals(0, first.code(), first.err());
    JsonNode points = Run.read(folder.resolve("work/points.step.json")).path("output");
    JsonNode before = points.path("before").path("korean");
    JsonNode after = points.path("after").path("korean");
    assertEquals(before.path("bytes"), after.path("bytes"));
    double saved =
        before.path("tokens_per_syllable").asDouble()
            / after.path("tokens_per_syllable").asDouble();
    assertTrue(saved > 2, points::toString);
    assertTrue(after.path("bits_per_byte").asDouble() < before.path("bits_per_byte").asDouble());
    JsonNode samples = Run.read(folder.resolve("work/samples.step.json")).path("output");
    assertEquals(List.of("영화", "정말", "영화"), samples.path("own").findValuesAsText("prompt"));
    assertTrue(Files.exists(folder.resolve("work/korean/stage-1/model.safetensors")));

    Run refused = run();
    assertEquals(1, refused.code());
    assertTrue(refused.err().contains("is not empty"), refused.err());

    Run again = run("--resume");
    assertEquals(0, again.code(), again.err());
    assertEquals(7, again.err().lines().filter(line -> line.endsWith("done before")).count());

    Files.writeString(file, steps(measure(5)));
    Run changed = run("--resume");
    assertTrue(changed.err().contains("points: done before"), changed.err());
    assertTrue(changed.err().contains("samples: sample\n"), changed.err());

    String other = steps(measure(5)).replace("learning_rate: 1.0e-2", "learning_rate: 2.0e-2");
    Files.writeString(file, other);
    Run trained = run("--resume");
    assertEquals(0, trained.code(), trained.err());
    assertTrue(trained.err().contains("wide: done before"), trained.err());
    for (String step : List.of("korean: train\n", "points: measure\n", "samples: sample\n")) {
      assertTrue(trained.err().contains(step), trained.err());
    }
  }

  @Test
  void aStepThatFailsStopsTheRecipeAndLaterGoesOn() throws IOException {
    String broken = steps("").replace("max-added-tokens: 40", "max-added-tokens: 40, no-such: 1");
    Files.writeString(file, broken);
    Run failed = run();
    assertEquals(1, failed.code());
    assertTrue(failed.err().contains("--no-such"), failed.err());
    assertTrue(failed.err().contains("step wide stopped with exit code 2"), failed.err());
    assertFalse(Files.exists(folder.resolve("work/wide.step.json")));
    Files.writeString(file, steps(""));
    Run mended = run("--resume");
    assertEquals(0, mended.code(), mended.err());
    assertTrue(mended.err().contains("base: done before"), mended.err());
  }

  @Test
  void theSameStepsGiveTheSameBytes() throws IOException {
    Files.writeString(file, steps(""));
    assertEquals(0, run().code());
    Run other = run("--set", "folder=" + folder.resolve("other"), "--threads", "1");
    assertEquals(0, other.code(), other.err());
    for (String name : List.of("korean/model.safetensors", "korean/tokenizer.json")) {
      long differs =
          Files.mismatch(folder.resolve("work").resolve(name), folder.resolve("other/" + name));
      assertEquals(-1, differs, name);
    }
  }

  @Test
  void whatIsWrongWithTheFileIsSaidBeforeAnyStep() throws IOException {
    String head = "folder: " + folder.resolve("w") + "\nsteps:\n";
    refused(head + "  - {name: a, split: {files: ['${b}/x.txt']}}\n", "${b} is neither a value");
    refused(head + "  - {name: a, split: {}}\n  - {name: a, split: {}}\n", "a: twice");
    refused(head + "  - {name: a, split: {}, train: {}}\n", "needed one thing to do");
    refused(head + "  - {name: ../a, split: {}}\n", "needed a name");
    refused(head + "  - {name: a, dance: {}}\n", "dance: unknown");
    refused("folder: a\n", "steps: missing");
    refused("folder: a\nsteps: []\nspeed: 1\n", "speed: unknown key");
    assertFalse(Files.exists(folder.resolve("w")));
  }

  private void refused(String text, String reason) throws IOException {
    Files.writeString(file, text);
    String message = Run.refusal(2, "recipe", file);
    assertTrue(message.contains(reason), message);
    assertTrue(message.contains("recipe.yaml"), message);
  }
}
