package dev.eeve.model;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.Gguf;
import dev.eeve.checkpoint.GgufMetadata;
import dev.eeve.checkpoint.GgufValue;
import dev.eeve.checkpoint.TensorInfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;

/** The settings of a Phi model as the keys of a GGUF file of architecture {@code phi2}. */
final class PhiGgufKeys {
  private static final String ARCHITECTURE = "general.architecture";
  private static final String PHI2 = "phi2";
  private static final String CONTEXT = "phi2.context_length";
  private static final String HIDDEN = "phi2.embedding_length";
  private static final String INNER = "phi2.feed_forward_length";
  private static final String LAYERS = "phi2.block_count";
  private static final String HEADS = "phi2.attention.head_count";
  private static final String KEY_VALUE_HEADS = "phi2.attention.head_count_kv";
  private static final String EPSILON = "phi2.attention.layer_norm_epsilon";
  private static final String ROTARY = "phi2.rope.dimension_count";
  private static final String THETA = "phi2.rope.freq_base";
  private static final String SCALING = "phi2.rope.scaling.type";
  private static final List<String> SCALING_FACTORS =
      List.of("phi2.rope.scaling.factor", "phi2.rope.scale_linear");
  private static final String VOCABULARY = "phi2.vocab_size";
  private static final String BOS = "tokenizer.ggml.bos_token_id";
  private static final String EOS = "tokenizer.ggml.eos_token_id";
  private static final String EOT = "tokenizer.ggml.eot_token_id";
  private static final String EMBEDDING = "token_embd.weight";

  private PhiGgufKeys() {}

  /** Dropout and the range of random weights, which only training needs, are phi-2's. */
  static PhiConfig read(Gguf file) throws CheckpointException {
    GgufMetadata keys = file.metadata();
    requirePlainPhi(keys);
    TensorInfo embedding = file.tensors().get(EMBEDDING);
    if (embedding == null) {
      throw new CheckpointException(file.path(), EMBEDDING, "missing; download the model again");
    }
    int hidden = required(keys, HIDDEN);
    int heads = required(keys, HEADS);
    int headDim = heads > 0 ? hidden / heads : 0;
    DType saved = embedding.dtype();
    PhiConfig usual = PhiConfig.phi2();
    try {
      return new PhiConfig(
          Math.toIntExact(embedding.rows()),
          hidden,
          required(keys, INNER),
          required(keys, LAYERS),
          heads,
          keys.integer(KEY_VALUE_HEADS).orElse(heads),
          rotaryFactor(keys, headDim),
          real(keys, THETA).orElse(usual.ropeTheta()),
          real(keys, EPSILON).orElse(usual.layerNormEps()),
          required(keys, CONTEXT),
          usual.residPdrop(),
          usual.embdPdrop(),
          usual.attentionDropout(),
          usual.initializerRange(),
          keys.integer(BOS),
          endTokens(keys),
          saved.isWeight() ? Optional.of(saved) : Optional.empty());
    } catch (IllegalArgumentException e) { // the record's own checks
      throw new CheckpointException(file.path(), "phi2 keys: " + e.getMessage());
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          file.path(), EMBEDDING, embedding.rows() + " rows, needed at most " + Integer.MAX_VALUE);
    }
  }

  private static void requirePlainPhi(GgufMetadata keys) throws CheckpointException {
    String architecture = keys.text(ARCHITECTURE).orElse("nothing");
    if (!architecture.equals(PHI2)) {
      throw keys.failure(
          ARCHITECTURE, CheckpointException.quote(architecture) + " found, needed \"phi2\"");
    }
    int parts = keys.integer("split.count").orElse(1);
    if (parts > 1) {
      throw keys.failure(
          "split.count", parts + " files, needed 1; join them with llama-gguf-split --merge");
    }
    Optional<String> scaling = keys.text(SCALING);
    if (scaling.isPresent() && !scaling.get().equals("none")) {
      throw keys.failure(
          SCALING, CheckpointException.quote(scaling.get()) + " found, needed none: not supported");
    }
    for (String factor : SCALING_FACTORS) { // without a type, llama.cpp scales by them
      double found = scaling.isPresent() ? 1 : real(keys, factor).orElse(1.0);
      if (found != 1 && found != 0) {
        throw keys.failure(factor, found + " found, needed none or 1: not supported");
      }
    }
  }

  private static int required(GgufMetadata keys, String key) throws CheckpointException {
    OptionalInt value = keys.integer(key);
    if (value.isEmpty()) {
      throw keys.failure(key, "missing, needed an integer; convert the model again");
    }
    return value.getAsInt();
  }

  /** The decimal number that was meant: 1e-5, not the double nearest to its float. */
  private static Optional<Double> real(GgufMetadata keys, String key) throws CheckpointException {
    var value = keys.real(key);
    return value.isEmpty()
        ? Optional.empty()
        : Optional.of(Double.valueOf(Float.toString((float) value.getAsDouble())));
  }

  /** All of a head where the file does not say, as llama.cpp has it. */
  private static double rotaryFactor(GgufMetadata keys, int headDim) throws CheckpointException {
    int rotary = keys.integer(ROTARY).orElse(headDim);
    if (rotary <= 0 || rotary % 2 != 0 || rotary > headDim) {
      throw keys.failure(ROTARY, rotary + " found, needed an even number from 2 to " + headDim);
    }
    return PhiConfig.rotaryFactor(headDim, rotary);
  }

  private static List<Integer> endTokens(GgufMetadata keys) throws CheckpointException {
    List<Integer> ids = new ArrayList<>();
    keys.integer(EOS).ifPresent(ids::add);
    OptionalInt turn = keys.integer(EOT);
    if (turn.isPresent() && !ids.contains(turn.getAsInt())) {
      ids.add(turn.getAsInt());
    }
    return ids;
  }

  static SequencedMap<String, GgufValue> of(PhiConfig config) {
    SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put(ARCHITECTURE, GgufValue.of(PHI2));
    keys.put(CONTEXT, GgufValue.of(config.maxPositionEmbeddings()));
    keys.put(HIDDEN, GgufValue.of(config.hiddenSize()));
    keys.put(INNER, GgufValue.of(config.intermediateSize()));
    keys.put(LAYERS, GgufValue.of(config.numHiddenLayers()));
    keys.put(HEADS, GgufValue.of(config.numAttentionHeads()));
    keys.put(KEY_VALUE_HEADS, GgufValue.of(config.numKeyValueHeads()));
    keys.put(EPSILON, GgufValue.of((float) config.layerNormEps()));
    keys.put(ROTARY, GgufValue.of(config.rotaryDim()));
    keys.put(THETA, GgufValue.of((float) config.ropeTheta()));
    keys.put(VOCABULARY, GgufValue.of(config.vocabSize()));
    config.bosTokenId().ifPresent(id -> keys.put(BOS, GgufValue.of(id)));
    List<Integer> ends = config.eosTokenIds();
    if (!ends.isEmpty()) {
      keys.put(EOS, GgufValue.of((int) ends.get(0)));
    }
    if (ends.size() > 1) {
      keys.put(EOT, GgufValue.of((int) ends.get(1)));
    }
    return keys;
  }
}
