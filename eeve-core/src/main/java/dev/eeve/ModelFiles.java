package dev.eeve;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.Gguf;
import dev.eeve.generation.GenerationDefaults;
import dev.eeve.gguf.GgufTokenizer;
import dev.eeve.model.PhiConfig;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Optional;

/** What a model folder or a GGUF file holds beside the weights, checked against each other. */
record ModelFiles(PhiConfig config, GenerationDefaults defaults, Optional<Tokenizer> tokenizer) {
  private static final String GENERATION = "generation_config.json";

  static ModelFiles read(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      return readFolder(path);
    }
    if (!Files.exists(path)) {
      throw new CheckpointException(
          path, "no such folder or file, needed a model folder or a .gguf file");
    }
    try (Gguf file = Gguf.open(path)) {
      PhiConfig config = PhiConfig.read(file);
      Optional<Tokenizer> tokenizer = GgufTokenizer.read(file);
      requireRows(path + ": tokenizer.ggml.tokens", tokenizer, config, "token_embd.weight");
      Path generation = path.resolveSibling(GENERATION);
      GenerationDefaults defaults = GenerationDefaults.read(generation);
      requireTokens(generation, defaults, config.vocabSize());
      return new ModelFiles(config, defaults, tokenizer);
    }
  }

  /** The tokenizer alone; a folder needs no config.json beside it. */
  static Optional<Tokenizer> readTokenizer(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return read(path).tokenizer();
    }
    Path file = path.resolve("tokenizer.json");
    boolean there = Files.exists(file, LinkOption.NOFOLLOW_LINKS); // a dangling link is an error
    return there ? Optional.of(Tokenizer.read(file)) : Optional.empty();
  }

  private static ModelFiles readFolder(Path folder) throws IOException {
    PhiConfig config = PhiConfig.read(folder.resolve("config.json"));
    Path generation = folder.resolve(GENERATION);
    GenerationDefaults defaults = GenerationDefaults.read(generation);
    requireTokens(generation, defaults, config.vocabSize());
    Optional<Tokenizer> tokenizer = readTokenizer(folder);
    requireRows(
        folder.resolve("tokenizer.json").toString(), tokenizer, config, "config.json's vocab_size");
    return new ModelFiles(config, defaults, tokenizer);
  }

  private static void requireRows(
      String where, Optional<Tokenizer> tokenizer, PhiConfig config, String rows)
      throws IOException {
    int tokens = tokenizer.map(Tokenizer::vocabularySize).orElse(0);
    if (tokens > config.vocabSize()) {
      throw new IOException(
          "%s: %d tokens, but %s has %d rows; take both from one model"
              .formatted(where, tokens, rows, config.vocabSize()));
    }
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
