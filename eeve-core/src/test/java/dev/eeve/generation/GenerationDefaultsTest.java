package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GenerationDefaultsTest {
  @TempDir Path folder;

  private GenerationDefaults read(String json) throws IOException {
    return GenerationDefaults.read(
        Files.writeString(folder.resolve("generation_config.json"), json));
  }

  @Test
  void samplingSettingsCountOnlyWhereTheFileSaysDoSample() throws IOException {
    String settings = "\"temperature\": 0.5, \"top_k\": 40, \"eos_token_id\": [2, 7]}";
    GenerationDefaults greedy = read("{" + settings);
    assertEquals(GenerationConfig.greedy(GenerationDefaults.MAX_NEW_TOKENS), greedy.config());
    assertEquals(List.of(2, 7), greedy.eosTokenIds());
    GenerationDefaults sampled = read("{\"do_sample\": true, " + settings);
    assertEquals(0.5f, sampled.config().temperature());
    assertEquals(40, sampled.config().topK());
  }

  @ParameterizedTest
  @ValueSource(strings = {"eos_token_id", "max_new_tokens", "repetition_penalty"})
  void aHostileValueIsNamedInOneShortLine(String key) {
    String json = "{\"" + key + "\": \"" + "a".repeat(100_000) + "\"}";
    String message = assertThrows(IOException.class, () -> read(json)).getMessage();
    assertTrue(message.contains("generation_config.json: " + key), message);
    assertTrue(message.length() < folder.toString().length() + 250, message);
  }
}
