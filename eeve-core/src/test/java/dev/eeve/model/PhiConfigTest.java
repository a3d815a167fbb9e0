package dev.eeve.model;

import static dev.eeve.model.Phi2Config.FILE;
import static dev.eeve.model.Phi2Config.parse;
import static dev.eeve.model.Phi2Config.with;
import static dev.eeve.model.Phi2Config.without;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class PhiConfigTest {
  private static final PhiConfig EXPECTED =
      new PhiConfig(
          51_200,
          2560,
          10_240,
          32,
          32,
          32,
          0.4,
          10_000,
          1e-5,
          2048,
          0.1,
          0,
          0,
          0.02,
          OptionalInt.of(50_256),
          List.of(50_256),
          Optional.of(DType.F16));

  @Test
  void phi2sOwnFile() throws CheckpointException {
    PhiConfig config = parse(Phi2Config.JSON);
    assertEquals(EXPECTED, config);
    assertEquals(80, config.headDim());
    assertEquals(32, config.rotaryDim());
    assertEquals(2_779_683_840L, config.parameterCount());
  }

  @Test
  void theKoreanModelHasItsPublishedParameterCount() throws CheckpointException {
    PhiConfig config = parse(with("vocab_size", "58944"));
    assertEquals(2_819_340_864L, config.parameterCount());
    assertEquals(453, config.dimensions().shapes().size());
  }

  @Test
  void theFirstReleasesSpelling() throws CheckpointException {
    String old =
        """
        {
          "activation_function": "gelu_new", "architectures": ["PhiForCausalLM"],
          "attn_pdrop": 0.0, "embd_pdrop": 0.0, "flash_attn": false, "initializer_range": 0.02,
          "layer_norm_epsilon": 1e-05, "model_type": "phi-msft", "n_embd": 2560, "n_head": 32,
          "n_head_kv": null, "n_inner": null, "n_layer": 32, "n_positions": 2048,
          "resid_pdrop": 0.1, "rotary_dim": 32, "tie_word_embeddings": false,
          "torch_dtype": "float16", "vocab_size": 51200,
          "bos_token_id": 50256, "eos_token_id": 50256
        }
        """;
    assertEquals(EXPECTED, parse(old));
    assertEquals(EXPECTED, parse(old.replace("\"rotary_dim\": 32,", "")));
    assertEquals(
        8, parse(old.replace("\"n_head_kv\": null", "\"n_head_kv\": 8")).numKeyValueHeads());
    assertEquals(
        9728, parse(old.replace("\"n_inner\": null", "\"n_inner\": 9728")).intermediateSize());
  }

  @Test
  void theNewestSpelling() throws CheckpointException {
    String newest =
        Phi2Config.JSON
            .replace("\"torch_dtype\"", "\"dtype\"")
            .replace("\"partial_rotary_factor\": 0.4,", "")
            .replace("\"rope_scaling\": null,", "")
            .replace(
                "\"rope_theta\": 10000.0",
                "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 10000.0,"
                    + " \"partial_rotary_factor\": 0.4}");
    assertEquals(EXPECTED, parse(newest));
    assertEquals(50_000.5, parse(newest.replace("10000.0", "50000.5")).ropeTheta());
  }

  @Test
  void whatIsAbsentHasItsDefault() throws CheckpointException {
    PhiConfig config =
        parse(
            """
            {"model_type": "phi", "vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 1,
             "num_attention_heads": 4}""");
    assertEquals(
        new PhiConfig(
            100,
            64,
            256,
            1,
            4,
            4,
            0.5,
            10_000,
            1e-5,
            2048,
            0,
            0,
            0,
            0.02,
            OptionalInt.empty(),
            List.of(),
            Optional.empty()),
        config);
    assertEquals(8, config.rotaryDim());
  }

  @Test
  void severalEndTokensAreAllRead() throws CheckpointException {
    assertEquals(List.of(50_256, 3), parse(with("eos_token_id", "[50256, 3]")).eosTokenIds());
    assertEquals(List.of(), parse(without("eos_token_id")).eosTokenIds());
    assertEquals(OptionalInt.empty(), parse(without("bos_token_id")).bosTokenId());
  }

  @Test
  void everyRotaryDimComesBackAsItWasGiven() throws CheckpointException {
    for (int headDim = 2; headDim <= 96; headDim++) {
      for (int rotaryDim = 2; rotaryDim <= headDim; rotaryDim += 2) {
        String json =
            """
            {"model_type":"phi-msft","vocab_size":9,"n_embd":%d,"n_layer":1,"n_head":1,
             "rotary_dim":%d}"""
                .formatted(headDim, rotaryDim);
        PhiConfig config = parse(json);
        assertEquals(rotaryDim, config.rotaryDim(), json);
        assertEquals(config, PhiConfig.parse(FILE, config.toJson()));
      }
    }
  }

  @Test
  void whatIsWrittenIsReadBackEqual() throws CheckpointException {
    for (String json :
        List.of(
            Phi2Config.JSON,
            with("eos_token_id", "[50256, 3]"),
            without("eos_token_id"),
            with("num_key_value_heads", "4"),
            with("partial_rotary_factor", "0.25"),
            with("torch_dtype", "\"bfloat16\""),
            without("torch_dtype"))) {
      PhiConfig config = parse(json);
      assertEquals(config, PhiConfig.parse(FILE, config.toJson()));
    }
    String written = new String(EXPECTED.toJson(), StandardCharsets.UTF_8);
    assertTrue(written.startsWith("{\n  \"architectures\": [\n    \"PhiForCausalLM\"\n  ],\n"));
    assertTrue(written.endsWith("  \"vocab_size\": 51200\n}\n"), written);
  }

  @Test
  void twoSpellingsThatAgreeAreRead() throws CheckpointException {
    assertEquals(EXPECTED, parse(with("n_embd", "2560")));
    assertEquals(EXPECTED, parse(with("rope_parameters", "{\"rope_theta\": 10000}")));
    assertEquals(EXPECTED, parse(with("rotary_dim", "32")));
    assertEquals(EXPECTED, parse(with("head_dim", "80")));
    assertEquals(EXPECTED, parse(with("rope_scaling", "{\"type\": \"default\"}")));
  }
}
