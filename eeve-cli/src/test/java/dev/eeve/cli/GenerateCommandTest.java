package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GenerateCommandTest {
  @TempDir private Path folder;
  private Path model;

  @BeforeEach
  void makeModel() throws IOException {
    model = TestModel.in(folder);
  }

  private Object[] args(Object... more) {
    List<Object> args = new ArrayList<>(List.of("generate", "--model", model));
    args.addAll(Arrays.asList(more));
    return args.toArray();
  }

  private JsonNode json(Object... more) throws IOException {
    List<Object> args = new ArrayList<>(Arrays.asList(more));
    args.add("--json");
    return Run.json(args(args.toArray()));
  }

  @Test
  void theDocumentHasTheKeysOfTheContract() throws IOException {
    JsonNode root = json("--prompt", "안녕", "--max-new-tokens", 5);
    assertEquals(
        List.of("prompt_tokens", "tokens", "text", "finish_reason", "timings"), names(root));
    assertEquals(
        List.of("load_ms", "prompt_tokens_per_s", "decode_tokens_per_s"),
        names(root.get("timings")));
    assertEquals(TestModel.ids("안녕"), Run.join(root.get("prompt_tokens")));
    assertTrue(root.get("timings").get("load_ms").doubleValue() > 0);
  }

  static List<String> names(JsonNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @Test
  void streamedTextIsTheContinuationAloneAndHasNoSpecialTokens() throws IOException {
    for (String prompt : List.of("가", "b", "@c", "한국의 수도는")) {
      Object[] more = {"--prompt", prompt, "--ignore-eos", "--max-new-tokens", 60};
      JsonNode root = json(more);
      assertEquals(60, root.get("tokens").size());
      String text = root.get("text").textValue();
      assertFalse(text.contains(TestModel.EOS), text);
      Run run = Run.of(args(more));
      assertEquals(text + "\n", run.out());
      assertEquals("", run.err(), "no progress where there is no terminal");
    }
  }

  @Test
  void eosEndsAGenerationUnlessItIsIgnored() throws IOException {
    String prompt = "145,154,70,132,116,169,14,209";
    JsonNode goOn = json("--prompt-tokens", prompt, "--ignore-eos", "--max-new-tokens", 100);
    Files.writeString(
        model.resolve("generation_config.json"),
        "{\"eos_token_id\": [0, " + goOn.get("tokens").get(4) + "]}");
    JsonNode ended = json("--prompt-tokens", prompt);
    assertEquals("eos", ended.get("finish_reason").textValue());
    int last = ended.get("tokens").size() - 1;
    assertTrue(last <= 4);
    assertEquals(goOn.get("tokens").get(last), ended.get("tokens").get(last));
  }

  @Test
  void aStopStringAcrossTokensEndsTheTextBeforeIt() throws IOException {
    JsonNode whole = json("--prompt", "x", "--ignore-eos", "--max-new-tokens", 40);
    String text = whole.get("text").textValue();
    String stop = text.substring(6, 9);
    Object[] more = {
      "--prompt", "x", "--ignore-eos", "--max-new-tokens", 40, "--stop", "없는 말", "--stop", stop
    };
    JsonNode stopped = json(more);
    assertEquals("stop", stopped.get("finish_reason").textValue());
    assertEquals(text.substring(0, text.indexOf(stop)), stopped.get("text").textValue());
    assertEquals(stopped.get("text").textValue() + "\n", Run.of(args(more)).out());
  }

  @Test
  void aFileIsAPromptAsItStands() throws IOException {
    Path file = Files.writeString(folder.resolve("prompt.txt"), "한 줄\r\n둘\n");
    JsonNode root = json("--prompt-file", file, "--max-new-tokens", 0);
    assertEquals(TestModel.ids("한 줄\r\n둘\n"), Run.join(root.get("prompt_tokens")));
    assertEquals("", root.get("text").textValue());
    assertEquals(0, root.get("tokens").size());
    assertEquals("length", root.get("finish_reason").textValue());
    assertTrue(Run.refusal(1, args("--prompt-file", folder)).startsWith(folder + ": a folder"));
    Path missing = folder.resolve("missing");
    assertEquals(missing + ": no such file", Run.refusal(1, args("--prompt-file", missing)));
    Files.write(file, new byte[] {(byte) 0xEA, (byte) 0xB0});
    assertTrue(Run.refusal(1, args("--prompt-file", file)).startsWith(file + ": not UTF-8"));
  }

  @Test
  void theInstructTemplateStandsAroundTheText() throws IOException {
    String head = "A chat between a curious user and an artificial intelligence assistant.";
    Path small = folder.resolve("prompt.txt");
    JsonNode root =
        Run.json("tokenize", "--model", model, "--text", head); // what the template begins with
    String message = Run.refusal(1, args("--prompt", "네", "--template", "eeve-instruct"));
    int tokens =
        ("A chat between a curious user and an artificial intelligence assistant. The"
                + " assistant gives helpful, detailed, and polite answers to the user's questions.\n"
                + "Human: 네\nAssistant:\n")
            .getBytes(java.nio.charset.StandardCharsets.UTF_8)
            .length;
    assertEquals(
        "--prompt: " + tokens + " tokens, the context holds 128; shorten it",
        message,
        "longer than the tiny context, byte for byte");
    assertEquals(head.length(), root.size());
    assertFalse(Files.exists(small));
    assertTrue(
        Run.refusal(2, args("--prompt", "x", "--template", "chatml")).startsWith("--template"));
    assertTrue(
        Run.refusal(2, args("--prompt-tokens", "1", "--template", "eeve-instruct"))
            .startsWith("--template"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"f32", "f16", "bf16", "q8_0"})
  void aSavedCacheGoesOnAsTheWholeTextWouldHave(String type) throws IOException {
    Path cache = folder.resolve("cache");
    Object[] typed = {"--cache-type", type, "--ignore-eos", "--max-new-tokens", 12};
    JsonNode first = json(with(typed, "--prompt", "한국의 수도는", "--save-cache", cache));
    assertEquals(json(with(typed, "--prompt", "한국의 수도는")).get("tokens"), first.get("tokens"));
    String all = Run.join(first.get("prompt_tokens")) + "," + Run.join(first.get("tokens"));
    String shared = Run.join(first.get("prompt_tokens"));
    for (String ids : List.of(all + ",7,8", all, shared, shared + ",1,2,3", "5,6")) {
      Object[] more = with(typed, "--prompt-tokens", ids);
      JsonNode expected = json(more);
      JsonNode found = json(with(more, "--load-cache", cache));
      assertEquals(expected.get("tokens"), found.get("tokens"), ids);
      assertEquals(expected.get("prompt_tokens"), found.get("prompt_tokens"));
      assertEquals(
          expected.get("tokens"),
          json(with(more, "--load-cache", cache, "--prompt-lookup")).get("tokens"));
    }
    Object[] both = {"--load-cache", cache, "--save-cache", cache, "--prompt-tokens", all};
    assertEquals(
        json(with(typed, "--prompt-tokens", all)).get("tokens"),
        json(with(typed, both)).get("tokens"));
    String other = type.equals("f32") ? "bf16" : "f32";
    String refused =
        Run.refusal(1, args("--prompt", "x", "--cache-type", other, "--load-cache", cache));
    assertEquals(
        "%s: cache type %s, this session has %s; use what it was saved with, or save it again"
            .formatted(cache, type.toUpperCase(Locale.ROOT), other.toUpperCase(Locale.ROOT)),
        refused);
  }

  @Test
  void aPromptAloneCanBeSavedAndWhatIsNoCacheIsRefused() throws IOException {
    Path cache = folder.resolve("cache");
    JsonNode none = json("--prompt", "한국의", "--max-new-tokens", 0, "--save-cache", cache);
    assertEquals(0, none.get("tokens").size());
    Object[] more = {"--prompt", "한국의 수도는", "--max-new-tokens", 5};
    assertEquals(json(more).get("tokens"), json(with(more, "--load-cache", cache)).get("tokens"));
    Path missing = folder.resolve("missing");
    assertEquals(
        missing + ": no such file or folder",
        Run.refusal(1, args("--prompt", "x", "--load-cache", missing)));
    Path weights = model.resolve("model.safetensors");
    assertEquals(
        weights + ": no saved context of this version, needed one with format eeve-context-1",
        Run.refusal(1, args("--prompt", "x", "--load-cache", weights)));
  }

  @ParameterizedTest
  @CsvSource({
    "--max-new-tokens, -1",
    "--temperature, -1",
    "--temperature, NaN",
    "--top-k, -2",
    "--top-p, 0",
    "--min-p, 2",
    "--repetition-penalty, 0",
    "--stop, ''",
    "--dtype, f64",
    "--cache-type, q4_0",
    "--seed, x"
  })
  void aWrongValueIsNamedByItsOption(String option, String value) {
    String message = Run.refusal(2, args("--prompt", "x", option, value));
    assertTrue(message.contains(option), message);
  }

  @Test
  void idsAndLengthsTheModelDoesNotHaveAreNamedByTheirOption() {
    assertEquals(
        "--prompt-tokens: id 320 at 1, needed 0 to 319",
        Run.refusal(1, args("--prompt-tokens", "1,320")));
    assertEquals(
        "--prompt-tokens: id -1 at 0, needed 0 to 319",
        Run.refusal(1, args("--prompt-tokens", "-1")));
    assertEquals(
        "--prompt: 129 tokens, the context holds 128; shorten it",
        Run.refusal(1, args("--prompt", "x".repeat(129))));
    assertTrue(Run.refusal(2, args("--prompt-tokens", "1,,2")).startsWith("--prompt-tokens: \"\""));
  }

  @Test
  void aModelWithoutATokenizerWorksWithIdsAlone() {
    Path bare = Run.golden("tiny-f32");
    String text = Run.refusal(1, "generate", "--model", bare, "--prompt", "x");
    assertTrue(text.startsWith("--prompt: text, but the model has no tokenizer"), text);
    String stop =
        Run.refusal(1, "generate", "--model", bare, "--prompt-tokens", "1", "--stop", "x");
    assertTrue(stop.startsWith("--stop: "), stop);
    Run ids =
        Run.of(
            "generate",
            "--model",
            bare,
            "--max-new-tokens",
            3,
            "--ignore-eos",
            "--cache-type",
            "f32",
            "--prompt-tokens",
            "145,154,70,132,116,169,14,209");
    assertEquals("18 261 272 \n", ids.out());
  }

  @Test
  void theFoldersGenerationConfigHoldsUnlessAnOptionSaysOtherwise() throws IOException {
    Files.writeString(
        model.resolve("generation_config.json"),
        "{\"max_new_tokens\": 3, \"do_sample\": true, \"temperature\": 5.0}");
    JsonNode three = json("--prompt", "x", "--ignore-eos", "--seed", 1);
    assertEquals(3, three.get("tokens").size());
    JsonNode five = json("--prompt", "x", "--ignore-eos", "--max-new-tokens", 5, "--seed", 1);
    assertEquals(5, five.get("tokens").size());
    assertEquals(three.get("tokens").get(2), five.get("tokens").get(2));
    JsonNode greedy =
        json("--prompt", "x", "--ignore-eos", "--max-new-tokens", 20, "--temperature", 0);
    JsonNode sampled = json("--prompt", "x", "--ignore-eos", "--max-new-tokens", 20);
    assertFalse(greedy.get("tokens").equals(sampled.get("tokens")));
  }

  @Test
  void paddingRowsAreNeverChosenAndThreadsChangeNothing() throws IOException {
    Object[] more = {
      "--prompt", "x", "--ignore-eos", "--max-new-tokens", 100, "--temperature", 20, "--seed", 7
    };
    JsonNode one = json(with(more, "--threads", 1));
    one.get("tokens").forEach(id -> assertTrue(id.intValue() <= 256, id + " is a padding row"));
    assertEquals(one.get("tokens"), json(with(more, "--threads", 3)).get("tokens"));
    assertEquals(one.get("tokens"), json(more).get("tokens"));
  }

  private static Object[] with(Object[] args, Object... more) {
    List<Object> all = new ArrayList<>(Arrays.asList(args));
    all.addAll(Arrays.asList(more));
    return all.toArray();
  }
}
