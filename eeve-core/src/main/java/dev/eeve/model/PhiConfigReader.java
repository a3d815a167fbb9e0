package dev.eeve.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;

/**
 * Reads {@code config.json} in every spelling Phi checkpoints have used: today's, that of the first
 * releases ({@code phi-msft}: {@code n_embd} and its like), and {@code rope_parameters}. Values are
 * range-checked by {@link PhiConfig} itself.
 */
final class PhiConfigReader {
  /** A config has a kilobyte. */
  private static final int MAX_BYTES = 1 << 20;

  private static final String MSFT = "phi-msft";

  /** What the first releases' own code assumes. */
  private static final int MSFT_ROTARY_DIM = 32;

  private static final Map<String, DType> TORCH_DTYPES =
      Map.of("float32", DType.F32, "float16", DType.F16, "bfloat16", DType.BF16);

  /** A setting that was found, under the name it has there. */
  private record Setting(String name, JsonNode value) {}

  private final Path file;
  private final JsonNode root;

  private PhiConfigReader(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  static PhiConfig read(Path file) throws CheckpointException {
    try {
      return new PhiConfigReader(file, StrictJson.read(file, MAX_BYTES)).config();
    } catch (IOException e) {
      throw CheckpointException.of(file, e);
    }
  }

  static PhiConfig parse(Path file, byte[] json) throws CheckpointException {
    try {
      return new PhiConfigReader(file, StrictJson.parse(file.toString(), json)).config();
    } catch (IOException e) {
      throw CheckpointException.of(file, e);
    }
  }

  static String torchName(DType type) {
    return TORCH_DTYPES.entrySet().stream()
        .filter(entry -> entry.getValue() == type)
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseThrow();
  }

  private PhiConfig config() throws CheckpointException {
    if (!root.isObject()) {
      throw failure("found " + describe(root) + ", needed an object of settings");
    }
    refuseUnsupported();
    int hidden = integer("hidden_size", "n_embd").orElseThrow(() -> missing("hidden_size"));
    int heads =
        integer("num_attention_heads", "n_head").orElseThrow(() -> missing("num_attention_heads"));
    int layers =
        integer("num_hidden_layers", "n_layer").orElseThrow(() -> missing("num_hidden_layers"));
    int vocab = integer("vocab_size").orElseThrow(() -> missing("vocab_size"));
    int inner =
        integer("intermediate_size", "n_inner")
            .orElse(Math.clamp(4L * hidden, 0, Integer.MAX_VALUE));
    int headDim = heads > 0 ? hidden / heads : 0;
    integerEqualTo("head_dim", headDim);
    try {
      return new PhiConfig(
          vocab,
          hidden,
          inner,
          layers,
          heads,
          integer("num_key_value_heads", "n_head_kv").orElse(heads),
          rotaryFactor(headDim),
          number(10_000, "rope_theta", "rope_parameters.rope_theta"),
          number(1e-5, "layer_norm_eps", "layer_norm_epsilon"),
          integer("max_position_embeddings", "n_positions").orElse(2048),
          number(0, "resid_pdrop"),
          number(0, "embd_pdrop"),
          number(0, "attention_dropout", "attn_pdrop"),
          number(0.02, "initializer_range"),
          integer("bos_token_id"),
          endTokens(),
          dtype());
    } catch (IllegalArgumentException e) { // the record's own checks
      throw failure(e.getMessage());
    }
  }

  private void refuseUnsupported() throws CheckpointException {
    Optional<Setting> type = only("model_type");
    Optional<Setting> architectures = only("architectures");
    if (type.isEmpty() && architectures.isEmpty()) {
      throw failure("model_type: missing, needed phi");
    }
    require(type, "phi or " + MSFT, isText("phi").or(isText(MSFT)));
    require(
        architectures,
        "PhiForCausalLM",
        list -> list.isArray() && list.valueStream().anyMatch(isText("PhiForCausalLM")));
    require(only("hidden_act", "activation_function"), "gelu_new", isText("gelu_new"));
    Predicate<JsonNode> isFalse = node -> node.isBoolean() && !node.booleanValue();
    require(only("qk_layernorm"), "false", isFalse);
    require(only("tie_word_embeddings"), "false", isFalse);
    Predicate<JsonNode> isDefault = isText("default");
    require(
        only("rope_scaling"),
        "none: rope scaling is not supported",
        node -> isDefault.test(node.path("rope_type")) || isDefault.test(node.path("type")));
    require(only("rope_parameters"), "an object", JsonNode::isObject);
    require(only("rope_parameters.rope_type", "rope_parameters.type"), "default", isDefault);
    require(
        only("quantization_config"),
        "none or bitsandbytes' NF4: load the unquantized model",
        node ->
            isText("bitsandbytes").test(node.path("quant_method"))
                && isText("nf4").test(node.path("bnb_4bit_quant_type")));
    require(only("num_local_experts"), "none: this is a mixture of experts", node -> false);
  }

  /** A factor from which {@link PhiConfig#rotaryDim()} gives back the number of the file. */
  private double rotaryFactor(int headDim) throws CheckpointException {
    OptionalInt dim = integer("rotary_dim");
    boolean given =
        only("partial_rotary_factor", "rope_parameters.partial_rotary_factor").isPresent();
    boolean msft = only("model_type").filter(type -> isText(MSFT).test(type.value())).isPresent();
    if (dim.isEmpty() && (given || !msft)) {
      return number(0.5, "partial_rotary_factor", "rope_parameters.partial_rotary_factor");
    }
    if (dim.isPresent() && (dim.getAsInt() <= 0 || dim.getAsInt() % 2 != 0)) {
      throw failure("rotary_dim: " + dim.getAsInt() + " found, needed an even number above 0");
    }
    int rotaryDim = Math.min(dim.orElse(MSFT_ROTARY_DIM), headDim); // as that code does
    if (given) {
      double factor = number(0, "partial_rotary_factor", "rope_parameters.partial_rotary_factor");
      if (PhiConfig.rotaryDim(headDim, factor) != rotaryDim) {
        throw failure(
            "partial_rotary_factor: "
                + factor
                + " gives "
                + PhiConfig.rotaryDim(headDim, factor)
                + " dimensions, rotary_dim says "
                + rotaryDim);
      }
      return factor;
    }
    return PhiConfig.rotaryFactor(headDim, rotaryDim);
  }

  private List<Integer> endTokens() throws CheckpointException {
    Optional<Setting> setting = only("eos_token_id");
    if (setting.isEmpty()) {
      return List.of();
    }
    if (!setting.get().value().isArray()) {
      return List.of(asInt(setting.get()));
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : setting.get().value()) {
      ids.add(asInt(new Setting("eos_token_id", id)));
    }
    return ids;
  }

  private Optional<DType> dtype() throws CheckpointException {
    Optional<Setting> setting = only("torch_dtype", "dtype");
    require(
        setting,
        "float32, float16 or bfloat16",
        node -> node.isTextual() && TORCH_DTYPES.containsKey(node.textValue()));
    return setting.map(found -> TORCH_DTYPES.get(found.value().textValue()));
  }

  private OptionalInt integer(String... spellings) throws CheckpointException {
    Optional<Setting> setting = only(spellings);
    return setting.isEmpty() ? OptionalInt.empty() : OptionalInt.of(asInt(setting.get()));
  }

  private int asInt(Setting setting) throws CheckpointException {
    require(
        Optional.of(setting),
        "an integer",
        node -> node.isIntegralNumber() && node.canConvertToInt());
    return setting.value().intValue();
  }

  private void integerEqualTo(String name, int needed) throws CheckpointException {
    OptionalInt found = integer(name);
    if (found.isPresent() && found.getAsInt() != needed) {
      throw failure(
          name
              + ": "
              + found.getAsInt()
              + " found, needed hidden_size / num_attention_heads = "
              + needed);
    }
  }

  private double number(double absent, String... spellings) throws CheckpointException {
    Optional<Setting> setting = only(spellings);
    require(setting, "a number", JsonNode::isNumber);
    return setting.map(found -> found.value().doubleValue()).orElse(absent);
  }

  /** The one value a setting has under any of its names; null counts as absent. */
  private Optional<Setting> only(String... spellings) throws CheckpointException {
    Setting first = null;
    for (String spelling : spellings) {
      JsonNode value = root;
      for (String key : spelling.split("\\.")) {
        value = value.path(key);
      }
      if (value.isMissingNode() || value.isNull()) {
        continue;
      }
      if (first == null) {
        first = new Setting(spelling, value);
      } else if (!same(first.value(), value)) {
        throw failure(
            spelling
                + ": "
                + describe(value)
                + " found, "
                + first.name()
                + " says "
                + describe(first.value())
                + "; remove one");
      }
    }
    return Optional.ofNullable(first);
  }

  private static boolean same(JsonNode a, JsonNode b) {
    return a.isNumber() && b.isNumber() ? a.doubleValue() == b.doubleValue() : a.equals(b);
  }

  private static Predicate<JsonNode> isText(String text) {
    return node -> node.isTextual() && node.textValue().equals(text);
  }

  private void require(Optional<Setting> setting, String needed, Predicate<JsonNode> good)
      throws CheckpointException {
    if (setting.isPresent() && !good.test(setting.get().value())) {
      throw failure(
          setting.get().name()
              + ": "
              + describe(setting.get().value())
              + " found, needed "
              + needed);
    }
  }

  /** A value of the file, short enough for one line. */
  private static String describe(JsonNode value) {
    String text = value.toString();
    return text.length() > 80 ? text.substring(0, 80) + "…" : text;
  }

  private CheckpointException missing(String name) {
    return new CheckpointException(file, name + ": missing, needed an integer");
  }

  private CheckpointException failure(String detail) {
    return new CheckpointException(file, detail);
  }
}
