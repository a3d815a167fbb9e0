package dev.eeve;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.generation.GenerationDefaults;
import dev.eeve.model.PhiConfig;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Optional;

/** What a model folder holds beside the weights, checked against each other. */
record ModelFiles(PhiConfig config, GenerationDefaults defaults, Optional<Tokenizer> tokenizer) {
  static ModelFiles read(Path folder) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder, "a file, needed a model folder with config.json and model.safetensors");
    }
    if (!Files.exists(folder)) {
      throw new CheckpointException(folder, "no such folder, needed a model folder");
    }
    PhiConfig config = PhiConfig.read(folder.resolve("config.json"));
    Path generation = folder.resolve("generation_config.json");
    GenerationDefaults defaults = GenerationDefaults.read(generation);
    requireTokens(generation, defaults, config.vocabSize());
    Path tokens = folder.resolve("tokenizer.json");
    Optional<Tokenizer> tokenizer = Optional.empty();
    if (Files.exists(tokens)) {
      tokenizer = Optional.of(Tokenizer.read(tokens));
      if (tokenizer.get().vocabularySize() > config.vocabSize()) {
        throw new IOException(
            "%s: %d tokens, but config.json's vocab_size is %d; take both from one model"
                .formatted(tokens, tokenizer.get().vocabularySize(), config.vocabSize()));
      }
    }
    return new ModelFiles(config, defaults, tokenizer);
  }

  private static void requireTokens(Path file, GenerationDefaults defaults, int vocabSize)
      throws IOException {
    if (defaults.bosTokenId().isPresent()) {
      requireToken(file, "bos_token_id", defaults.bosTokenId().getAsInt(), vocabSize);
    }
    for (int id : defaults.eosTokenIds()) {
      requireToken(file, "eos_token_id", id, vocabSize);
    }
  }

  private static void requireToken(Path file, String key, int id, int vocabSize)
      throws IOException {
    if (id >= vocabSize) {
      throw new IOException(
          "%s: %s: %d found, needed 0 to %d, inside config.json's vocab_size"
              .formatted(file, key, id, vocabSize - 1));
    }
  }

  /** Rows of the matrices that no token has; none where there is no tokenizer. */
  static BitSet unused(PhiConfig config, Optional<Tokenizer> tokenizer) {
    BitSet unused = new BitSet();
    tokenizer.ifPresent(
        t -> {
          for (int id = 0; id < config.vocabSize(); id++) {
            unused.set(id, !t.isToken(id));
          }
        });
    return unused;
  }
}
