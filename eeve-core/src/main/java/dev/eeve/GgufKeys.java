package dev.eeve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.checkpoint.Gguf;
import dev.eeve.checkpoint.GgufValue;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.NormalFloatFolder;
import dev.eeve.generation.GenerationDefaults;
import dev.eeve.gguf.GgufTokenizer;
import dev.eeve.internal.StrictJson;
import dev.eeve.model.PhiConfig;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** All keys of a GGUF file: architecture, settings, tokenizer. */
final class GgufKeys {
  /** tokenizer_config.json may list every added token. */
  private static final int MAX_BYTES = 64 << 20;

  /** Ids only these name: by the key in tokenizer_config.json. */
  private static final Map<String, String> TOKENS =
      Map.of(
          "unk_token", "tokenizer.ggml.unknown_token_id",
          "pad_token", "tokenizer.ggml.padding_token_id");

  private GgufKeys() {}

  static SequencedMap<String, GgufValue> of(
      ModelFiles parts, Checkpoint files, Map<String, GgufValue> general) throws IOException {
    PhiConfig own = parts.config();
    GenerationDefaults defaults = parts.defaults();
    PhiConfig config =
        own.withTokens(
            defaults.bosTokenId().isPresent() ? defaults.bosTokenId() : own.bosTokenId(),
            defaults.eosTokenIds().isEmpty() ? own.eosTokenIds() : defaults.eosTokenIds());
    SequencedMap<String, GgufValue> settings = config.toGguf();
    SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put(settings.firstEntry().getKey(), settings.firstEntry().getValue()); // architecture
    keys.putAll(general);
    keys.putAll(settings);
    Optional<Tokenizer> tokenizer = parts.tokenizer();
    if (tokenizer.isEmpty()) {
      keys.putAll(GgufTokenizer.none());
      return keys;
    }
    GgufTokenizer.put(keys, tokenizer.get(), config.vocabSize());
    switch (files) {
      case Gguf file -> {
        for (String key : TOKENS.values()) {
          file.metadata().integer(key).ifPresent(id -> keys.put(key, GgufValue.of(id)));
        }
      }
      case ModelFolder _, NormalFloatFolder _ ->
          putNamedTokens(keys, files.path().resolve("tokenizer_config.json"), tokenizer.get());
    }
    return keys;
  }

  private static void putNamedTokens(Map<String, GgufValue> keys, Path file, Tokenizer tokenizer)
      throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    JsonNode root = StrictJson.read(file, MAX_BYTES);
    for (Map.Entry<String, String> entry : TOKENS.entrySet()) {
      JsonNode token = root.path(entry.getKey());
      for (JsonNode spelled : List.of(token, token.path("content"))) {
        if (spelled.isTextual()) {
          tokenizer
              .id(spelled.textValue())
              .ifPresent(id -> keys.put(entry.getValue(), GgufValue.of(id)));
        }
      }
    }
  }
}
