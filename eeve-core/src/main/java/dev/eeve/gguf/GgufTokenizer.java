package dev.eeve.gguf;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.Gguf;
import dev.eeve.checkpoint.GgufMetadata;
import dev.eeve.checkpoint.GgufValue;
import dev.eeve.tokenizer.TokenTable;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** The tokenizer among a GGUF file's keys, both ways. */
public final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final String MODEL = PREFIX + "model";
  private static final String PRE = PREFIX + "pre";
  private static final String TOKENS = PREFIX + "tokens";
  private static final String TYPES = PREFIX + "token_type";
  private static final String MERGES = PREFIX + "merges";
  private static final String BOS = PREFIX + "bos_token_id";
  private static final String EOS = PREFIX + "eos_token_id";
  private static final String ADD_BOS = PREFIX + "add_bos_token";
  private static final String ADD_EOS = PREFIX + "add_eos_token";

  /** What llama.cpp calls a file without a tokenizer. */
  private static final String NO_VOCABULARY = "no_vocab";

  private static final String GPT2 = "gpt2";
  private static final String GPT2_WORDS = "gpt-2";

  /** Names under which converters wrote GPT-2's pattern for Phi; the oldest wrote none. */
  private static final Set<String> PATTERNS = Set.of(GPT2_WORDS, "phi-2", "default");

  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;

  private GgufTokenizer() {}

  /**
   * The file's tokenizer.
   *
   * @param file open
   * @return empty where it holds none
   * @throws IOException names the key that is missing or wrong
   */
  public static Optional<Tokenizer> read(Gguf file) throws IOException {
    GgufMetadata keys = file.metadata();
    String model = keys.text(MODEL).orElse(NO_VOCABULARY);
    if (model.equals(NO_VOCABULARY) || model.equals("none")) {
      return Optional.empty();
    }
    if (!model.equals(GPT2)) {
      throw keys.failure(
          MODEL, CheckpointException.quote(model) + " found, needed \"gpt2\"; convert it again");
    }
    String pattern = keys.text(PRE).orElse(GPT2_WORDS);
    if (!PATTERNS.contains(pattern)) {
      throw keys.failure(
          PRE, CheckpointException.quote(pattern) + " found, needed \"gpt-2\"; convert it again");
    }
    List<String> tokens = required(keys, TOKENS, keys.texts(TOKENS));
    List<Long> types =
        keys.integers(TYPES).orElseGet(() -> tokens.stream().map(token -> (long) NORMAL).toList());
    if (types.size() != tokens.size()) {
      throw keys.failure(
          TYPES, types.size() + " numbers, needed one for each of " + tokens.size() + " tokens");
    }
    List<TokenTable.Kind> kinds = new ArrayList<>(tokens.size());
    for (int id = 0; id < types.size(); id++) {
      kinds.add(kind(keys, id, types.get(id)));
    }
    TokenTable table =
        new TokenTable(
            tokens,
            kinds,
            required(keys, MERGES, keys.texts(MERGES)),
            around(keys, ADD_BOS, BOS),
            around(keys, ADD_EOS, EOS));
    return Optional.of(Tokenizer.of(file.path().toString(), table));
  }

  private static <T> T required(GgufMetadata keys, String key, Optional<T> value)
      throws CheckpointException {
    return value.orElseThrow(
        () -> keys.failure(key, "missing, needed an array of strings; convert the model again"));
  }

  private static TokenTable.Kind kind(GgufMetadata keys, int id, long type)
      throws CheckpointException {
    return switch ((int) type) {
      case NORMAL -> TokenTable.Kind.NORMAL;
      case UNKNOWN, CONTROL -> TokenTable.Kind.SPECIAL;
      case USER_DEFINED -> TokenTable.Kind.ADDED;
      case UNUSED -> TokenTable.Kind.UNUSED;
      default -> throw keys.failure(TYPES, "id " + id + " has type " + type + ", needed 1 to 5");
    };
  }

  private static List<Integer> around(GgufMetadata keys, String rule, String idKey)
      throws CheckpointException {
    if (!keys.flag(rule).orElse(false)) {
      return List.of();
    }
    OptionalInt id = keys.integer(idKey);
    if (id.isEmpty()) {
      throw keys.failure(rule, "true, but there is no " + idKey);
    }
    return List.of(id.getAsInt());
  }

  /**
   * The keys that say there is no tokenizer.
   *
   * @return one
   */
  public static Map<String, GgufValue> none() {
    return Map.of(MODEL, GgufValue.of(NO_VOCABULARY));
  }

  /**
   * Adds the keys of a tokenizer to those of its model, which name bos and eos.
   *
   * @param keys added to
   * @param tokenizer the tokenizer
   * @param rows of the model's matrices: ids beyond the tokenizer's are padding
   * @throws IllegalArgumentException where the tokenizer has a rule these keys cannot hold
   */
  public static void put(Map<String, GgufValue> keys, Tokenizer tokenizer, int rows) {
    TokenTable table = tokenizer.table(rows);
    keys.put(MODEL, GgufValue.of(GPT2));
    keys.put(PRE, GgufValue.of(GPT2_WORDS));
    keys.put(TOKENS, GgufValue.strings(table.tokens()));
    keys.put(TYPES, GgufValue.integers(table.kinds().stream().map(GgufTokenizer::type).toList()));
    keys.put(MERGES, GgufValue.strings(table.merges()));
    keys.put(ADD_BOS, GgufValue.of(adds(keys, table.before(), BOS)));
    if (!table.after().isEmpty()) {
      keys.put(ADD_EOS, GgufValue.of(adds(keys, table.after(), EOS)));
    }
  }

  private static int type(TokenTable.Kind kind) {
    return switch (kind) {
      case NORMAL -> NORMAL;
      case ADDED -> USER_DEFINED;
      case SPECIAL -> CONTROL;
      case UNUSED -> UNUSED;
    };
  }

  private static boolean adds(Map<String, GgufValue> keys, List<Integer> ids, String idKey) {
    if (ids.isEmpty()) {
      return false;
    }
    GgufValue only = keys.get(idKey);
    if (ids.size() > 1 || !GgufValue.of((int) ids.get(0)).equals(only)) {
      throw new IllegalArgumentException(
          "tokenizer: sets ids %s around a text, a GGUF file can set %s alone, which is %s"
              .formatted(ids, idKey, only instanceof GgufValue.Whole id ? id.value() : "missing"));
    }
    return true;
  }
}
