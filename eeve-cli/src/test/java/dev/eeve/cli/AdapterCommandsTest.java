package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An adapter trained, used beside its base, merged. */
class AdapterCommandsTest {
  @TempDir private Path folder;
  private Path model;
  private Path adapter;

  @BeforeEach
  void train() throws IOException {
    model = TestModel.in(Files.createDirectory(folder.resolve("base")));
    Path text = Files.writeString(folder.resolve("text.txt"), "abcabcabcabcabc\n".repeat(8));
    adapter = folder.resolve("adapter");
    Path config =
        Files.writeString(
            folder.resolve("train.yaml"),
            """
            base_model: %s
            output_dir: %s
            datasets: [{path: %s, type: text}]
            adapter: lora
            lora_r: 4
            lora_alpha: 16
            lora_target_linear: true
            lora_model_dir:
            sequence_len: 16
            learning_rate: 2e-2
            max_steps: 60
            """
                .formatted(model, adapter, text));
    JsonNode plan = Run.json("info", "--plan", config, "--json").get("stages").get(0);
    assertTrue(plan.get("memory_bytes").get("adapters").longValue() > 0, plan.toString());
    Run run = Run.of("train", config);
    assertEquals(0, run.code(), run.err());
  }

  private JsonNode generate(Path from, Object... more) throws IOException {
    Object[] args = {
      "generate",
      "--model",
      from,
      "--prompt",
      "abc",
      "--max-new-tokens",
      "12",
      "--ignore-eos",
      "--json"
    };
    Object[] all = java.util.Arrays.copyOf(args, args.length + more.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return Run.json(all);
  }

  @Test
  void anAdapterIsUsedBesideItsBaseAndMerged() throws IOException {
    JsonNode plain = generate(model);
    JsonNode beside = generate(model, "--adapter", adapter);
    assertEquals("abcabcabcabc", beside.get("text").textValue());
    assertNotEquals(plain.get("tokens"), beside.get("tokens"));
    Path merged = folder.resolve("merged");
    Run run = Run.of("merge", "--model", model, "--adapter", adapter, "--output", merged);
    assertEquals(0, run.code(), run.err());
    assertEquals(merged + "\n", run.out());
    assertEquals(beside.get("tokens"), generate(merged).get("tokens"));
    assertArrayEquals(
        Files.readAllBytes(model.resolve("tokenizer.json")),
        Files.readAllBytes(merged.resolve("tokenizer.json")));
    double alone = score(model);
    double withAdapter = score(model, "--adapter", adapter);
    assertTrue(withAdapter < alone - 1, withAdapter + " against " + alone);
    assertEquals(withAdapter, score(merged), 1e-3);
  }

  /** The tokenizer in the file serves both, text in and text out. */
  @Test
  void anAdapterTrainsBesideAGgufFile() throws IOException {
    Path gguf = folder.resolve("base.gguf");
    Run run = Run.of("quantize", "--model", model, "--type", "q8_0", "--output", gguf);
    assertEquals(0, run.code(), run.err());
    Path config = folder.resolve("train.yaml");
    Files.writeString(config, Files.readString(config).replace("adapter: lora", "adapter: qlora"));
    Path output = folder.resolve("beside-gguf");
    run = Run.of("train", config, "--set", "base_model=" + gguf, "--set", "output_dir=" + output);
    assertEquals(0, run.code(), run.err());
    assertEquals("abcabcabcabc", generate(gguf, "--adapter", output).get("text").textValue());
    Path stage =
        Files.writeString(
            folder.resolve("stage.yaml"),
            Files.readString(config)
                .replaceAll("adapter: .*", "stage: 7")
                .replaceAll("lora.*", ""));
    String message =
        Run.refusal(
            1, "train", stage, "--set", "base_model=" + gguf, "--set", "output_dir=" + output + 2);
    assertTrue(message.startsWith("base_model: " + gguf + ": a GGUF file found"), message);
  }

  private static double score(Path from, Object... more) throws IOException {
    Object[] args = {"score", "--model", from, "--text", "abcabcabc", "--json"};
    Object[] all = java.util.Arrays.copyOf(args, args.length + more.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return Run.json(all).get("nll").doubleValue();
  }

  @Test
  void whatIsWrongIsNamedInOneLine() throws IOException {
    Path nowhere = folder.resolve("nowhere");
    String message =
        Run.refusal(1, "generate", "--model", model, "--prompt", "a", "--adapter", nowhere);
    assertEquals(nowhere + ": no folder, needed an adapter's", message);
    message = Run.refusal(1, "merge", "--model", model, "--adapter", adapter, "--output", model);
    assertTrue(message.startsWith("--output: "), message);
    Path settings = adapter.resolve("adapter_config.json");
    Files.writeString(
        settings, Files.readString(settings).replace("\"use_dora\": false", "\"use_dora\": true"));
    message =
        Run.refusal(
            1, "merge", "--model", model, "--adapter", adapter, "--output", folder.resolve("m"));
    assertTrue(message.startsWith(settings + ": \"use_dora\": \"true\""), message);
    assertFalse(Files.exists(folder.resolve("m/model.safetensors")));
  }
}
