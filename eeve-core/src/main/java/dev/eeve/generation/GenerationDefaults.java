package dev.eeve.generation;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.internal.FileFailure;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What a model folder's generation_config.json asks for.
 *
 * @param config settings to start from; greedy unless the file says {@code do_sample}
 * @param bosTokenId the token a text starts with; empty where the file names none
 * @param eosTokenIds tokens that end a text; empty where the file names none
 */
public record GenerationDefaults(
    GenerationConfig config, OptionalInt bosTokenId, List<Integer> eosTokenIds) {
  /** The limit of new tokens where nobody names one. */
  public static final int MAX_NEW_TOKENS = 128;

  /** No file. */
  public static final GenerationDefaults NONE =
      new GenerationDefaults(
          GenerationConfig.greedy(MAX_NEW_TOKENS), OptionalInt.empty(), List.of());

  /** An honest file has a kilobyte. */
  private static final int MAX_BYTES = 1 << 20;

  /** Keys that say nothing about how this library generates. */
  private static final Set<String> OTHER =
      Set.of(
          "_from_model_config", "transformers_version", "pad_token_id", "use_cache", "do_sample");

  /**
   * Reads the file of a model folder.
   *
   * @param file generation_config.json; need not exist
   * @return its settings, or {@link #NONE}
   * @throws IOException names the key that is wrong
   */
  public static GenerationDefaults read(Path file) throws IOException {
    if (!Files.exists(file) && !Files.isSymbolicLink(file)) { // a dangling link is an error
      return NONE;
    }
    JsonNode root = StrictJson.read(file, MAX_BYTES);
    if (!root.isObject()) {
      throw new IOException(file + ": " + root.getNodeType() + " found, needed an object");
    }
    JsonNode doSample = root.path("do_sample");
    if (!doSample.isBoolean() && !doSample.isNull() && !doSample.isMissingNode()) {
      throw new IOException(file + ": do_sample: " + doSample + " found, needed true or false");
    }
    boolean sample = doSample.asBoolean(false);
    GenerationConfig config =
        GenerationConfig.greedy(MAX_NEW_TOKENS).withTemperature(sample ? 1f : 0f);
    OptionalInt bos = OptionalInt.empty();
    List<Integer> eos = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : root.properties()) {
      JsonNode value = entry.getValue();
      String where = file + ": " + entry.getKey();
      if (value.isNull()) {
        continue;
      }
      try {
        switch (entry.getKey()) {
          case "bos_token_id" -> bos = OptionalInt.of(integer(where, value));
          case "eos_token_id" -> {
            for (JsonNode id : value.isArray() ? value : List.of(value)) {
              eos.add(integer(where, id));
            }
          }
          case "max_new_tokens" -> config = config.withMaxNewTokens(integer(where, value));
          case "repetition_penalty" -> config = config.withRepetitionPenalty(number(where, value));
          case "temperature" ->
              config = sample ? config.withTemperature(number(where, value)) : config;
          case "top_k" -> config = sample ? config.withTopK(integer(where, value)) : config;
          case "top_p" -> config = sample ? config.withTopP(number(where, value)) : config;
          case "min_p" -> config = sample ? config.withMinP(number(where, value)) : config;
          default -> warnUnlessKnown(where, entry.getKey());
        }
      } catch (IllegalArgumentException e) {
        throw new IOException(file + ": " + e.getMessage(), e);
      }
    }
    return new GenerationDefaults(config, bos, List.copyOf(eos));
  }

  private static void warnUnlessKnown(String where, String key) {
    if (!OTHER.contains(key)) {
      System.getLogger("dev.eeve")
          .log(Level.WARNING, where + " is not supported, so it is ignored");
    }
  }

  private static int integer(String where, JsonNode value) throws IOException {
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 0) {
      throw new IOException(
          where + ": " + shown(value) + " found, needed a whole number of 0 or more");
    }
    return value.intValue();
  }

  private static float number(String where, JsonNode value) throws IOException {
    if (!value.isNumber()) {
      throw new IOException(where + ": " + shown(value) + " found, needed a number");
    }
    return value.floatValue();
  }

  /** A hostile file's value must not fill the log. */
  private static String shown(JsonNode value) {
    return FileFailure.printable(value.toString(), 80);
  }
}
