package dev.eeve.model;

import static dev.eeve.model.Phi2Config.parse;
import static dev.eeve.model.Phi2Config.with;
import static dev.eeve.model.Phi2Config.without;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RefusedConfigTest {
  private static void refused(String json, String says) {
    CheckpointException e = assertThrows(CheckpointException.class, () -> parse(json));
    assertTrue(e.getMessage().startsWith("config.json: "), e.getMessage());
    assertTrue(e.getMessage().contains(says), e.getMessage());
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "qk_layernorm|true",
        "qk_layernorm|1",
        "tie_word_embeddings|true",
        "hidden_act|\"gelu\"",
        "hidden_act|\"silu\"",
        "activation_function|\"relu\"",
        "model_type|\"phi3\"",
        "model_type|\"llama\"",
        "model_type|7",
        "architectures|[\"LlamaForCausalLM\"]",
        "architectures|\"PhiForCausalLM\"",
        "rope_scaling|{\"type\": \"linear\", \"factor\": 2.0}",
        "rope_scaling|{\"rope_type\": \"yarn\"}",
        "rope_scaling|{}",
        "rope_parameters|{\"rope_type\": \"llama3\"}",
        "rope_parameters|[]",
        "quantization_config|{\"load_in_4bit\": true}",
        "num_local_experts|4",
        "torch_dtype|\"float64\"",
        "torch_dtype|16",
      })
  void anUnsupportedSettingIsNamed(String key, String value) {
    String name = key.equals("rope_parameters") && value.startsWith("{") ? key + ".rope_type" : key;
    refused(with(key, value), name + ": ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "max_position_embeddings"
      })
  void anAbsurdSizeIsNamed(String key) {
    for (String value :
        List.of("0", "-1", "2147483647", "2147483648", "1e3", "\"32\"", "1.5", "[]", "true")) {
      refused(with(key, value), key + ": ");
    }
    refused(with(key, "99999999999999999999999999"), key + ": ");
  }

  @Test
  void moreAnglesThanAnArrayHoldsAreRefused() {
    String json = with("max_position_embeddings", "67108864");
    String wide =
        json.replaceFirst("\"partial_rotary_factor\": [0-9.]+", "\"partial_rotary_factor\": 0.8");
    refused(wide, "max_position_embeddings: 67108864 found, needed at most 33554432");
  }

  @ParameterizedTest
  @ValueSource(strings = {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"})
  void aMissingSizeIsNamed(String key) {
    refused(without(key), key + ": missing");
  }

  @ParameterizedTest
  @CsvSource({
    "layer_norm_eps, 0",
    "layer_norm_eps, -1e-5",
    "layer_norm_eps, 1",
    "layer_norm_eps, 1e999",
    "rope_theta, 0",
    "rope_theta, -1",
    "rope_theta, 1e999",
    "rope_theta, [1]",
    "partial_rotary_factor, 0",
    "partial_rotary_factor, 1.01",
    "partial_rotary_factor, -0.5",
    "resid_pdrop, 1",
    "resid_pdrop, -0.1",
    "embd_pdrop, 2",
    "attention_dropout, -1",
    "initializer_range, -1",
    "bos_token_id, 51200",
    "bos_token_id, -1",
    "eos_token_id, 51200",
    "eos_token_id, 1.5",
    "head_dim, 64",
    "rotary_dim, 16"
  })
  void aValueOutOfRangeIsNamed(String key, String value) {
    String name = key.equals("rotary_dim") ? "partial_rotary_factor: 0.4 gives 32" : key + ": ";
    refused(with(key, value), name);
  }

  @Test
  void oddRotaryDimensionsAreRefused() {
    refused(with("partial_rotary_factor", "0.39"), "even number of rotary dimensions, not 31");
    refused(with("partial_rotary_factor", "0.01"), "even number of rotary dimensions, not 0");
  }

  @Test
  void rotaryDimIsNamedWhereItIsWrong() throws CheckpointException {
    String old =
        "{\"model_type\":\"phi-msft\",\"vocab_size\":9,\"n_embd\":32,\"n_layer\":1,"
            + "\"n_head\":2,\"rotary_dim\":";
    refused(old + "7}", "rotary_dim: 7 found, needed an even number above 0");
    refused(old + "0}", "rotary_dim: 0 found, needed an even number above 0");
    assertEquals(16, parse(old + "32}").rotaryDim()); // at most the head, as that code does
  }

  @Test
  void headsThatDoNotDivideAreRefused() {
    refused(with("num_attention_heads", "33"), "hidden_size: 2560 found, needed a multiple of");
    refused(
        with("num_key_value_heads", "5"), "num_attention_heads: 32 found, needed a multiple of");
    refused(with("num_key_value_heads", "64"), "num_attention_heads: 32 found");
  }

  @Test
  void notANumberIsRefused() {
    refused(with("layer_norm_eps", "NaN"), "not valid JSON");
    refused(with("layer_norm_eps", "\"NaN\""), "layer_norm_eps: \"NaN\" found, needed a number");
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new PhiConfig(
                9,
                8,
                8,
                1,
                1,
                1,
                Double.NaN,
                1,
                1e-5,
                9,
                0,
                0,
                0,
                0,
                OptionalInt.empty(),
                List.of(),
                Optional.empty()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "n_embd|2561",
        "n_layer|31",
        "n_head|16",
        "n_head_kv|8",
        "n_inner|1",
        "n_positions|4096",
        "layer_norm_epsilon|1e-6",
        "activation_function|\"gelu\"",
        "dtype|\"bfloat16\"",
        "attn_pdrop|0.1",
        "rope_parameters|{\"rope_theta\": 20000}",
        "rope_parameters|{\"partial_rotary_factor\": 0.5}",
      })
  void twoSpellingsThatDisagreeAreRefused(String key, String value) {
    refused(with(key, value), "found, ");
    refused(with(key, value), " says ");
  }

  @Test
  void whatIsNoConfigIsRefused() {
    refused("", "the document is empty");
    refused("[]", "found [], needed an object of settings");
    refused("null", "found null, needed an object of settings");
    refused("{}", "model_type: missing");
    refused("{\"model_type\": \"phi\", \"model_type\": \"phi\"}", "Duplicate field 'model_type'");
    refused(Phi2Config.JSON + "x", "not valid JSON");
  }

  @Test
  void filesThatCannotBeReadAreNamed(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("config.json");
    for (int i = 0; i < 3; i++) {
      CheckpointException e = assertThrows(CheckpointException.class, () -> PhiConfig.read(file));
      assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
      assertEquals(file, e.path());
      switch (i) {
        case 0 -> Files.createDirectory(file);
        case 1 -> {
          Files.delete(file);
          Files.write(file, new byte[(1 << 20) + 1]);
        }
        default -> assertTrue(e.getMessage().contains("needed at most 1048576"), e.getMessage());
      }
    }
  }
}
