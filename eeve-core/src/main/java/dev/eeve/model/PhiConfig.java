package dev.eeve.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.Gguf;
import dev.eeve.checkpoint.GgufValue;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.NormalFloatFolder;
import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;

/**
 * The settings of a Phi model, as its {@code config.json} has them.
 *
 * @param vocabSize rows of the embedding and the head, padding included
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width inside the MLP
 * @param numHiddenLayers decoder layers
 * @param numAttentionHeads query heads
 * @param numKeyValueHeads key and value heads; divides numAttentionHeads
 * @param partialRotaryFactor the share of each head's elements that are rotated
 * @param ropeTheta base of the rotary wavelengths
 * @param layerNormEps added to the variance in every LayerNorm
 * @param maxPositionEmbeddings the longest context, in tokens
 * @param residPdrop dropout on the two branches of a layer, in training
 * @param embdPdrop dropout on the embeddings, in training; phi-2 has none
 * @param attentionDropout dropout on attention weights, in training; phi-2 has none
 * @param initializerRange standard deviation of random weights
 * @param bosTokenId the token a document starts with; empty where the file names none
 * @param eosTokenIds the tokens that end a document; none, one or several
 * @param torchDtype the type the weights were saved in; empty where the file does not say
 */
public record PhiConfig(
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    double partialRotaryFactor,
    double ropeTheta,
    double layerNormEps,
    int maxPositionEmbeddings,
    double residPdrop,
    double embdPdrop,
    double attentionDropout,
    double initializerRange,
    OptionalInt bosTokenId,
    List<Integer> eosTokenIds,
    Optional<DType> torchDtype) {
  // Far above any Phi; below them no size here overflows and no list of names fills the memory.
  private static final int MAX_WIDTH = 1 << 20;
  private static final int MAX_LAYERS = 1 << 10;
  private static final int MAX_TOKENS = 1 << 26;

  /** Angles of the rotation, which one array holds. */
  private static final int MAX_ANGLES = 1 << 30;

  /**
   * Checks every setting.
   *
   * @throws IllegalArgumentException names the setting, what was found and what is needed
   */
  public PhiConfig {
    eosTokenIds = List.copyOf(eosTokenIds);
    checkSize("vocab_size", vocabSize, MAX_TOKENS);
    checkSize("hidden_size", hiddenSize, MAX_WIDTH);
    checkSize("intermediate_size", intermediateSize, MAX_WIDTH);
    checkSize("num_hidden_layers", numHiddenLayers, MAX_LAYERS);
    checkSize("num_attention_heads", numAttentionHeads, MAX_WIDTH);
    checkSize("num_key_value_heads", numKeyValueHeads, MAX_WIDTH);
    checkSize("max_position_embeddings", maxPositionEmbeddings, MAX_TOKENS);
    check(
        hiddenSize % numAttentionHeads == 0,
        "hidden_size",
        hiddenSize,
        "a multiple of num_attention_heads " + numAttentionHeads);
    check(
        numAttentionHeads % numKeyValueHeads == 0,
        "num_attention_heads",
        numAttentionHeads,
        "a multiple of num_key_value_heads " + numKeyValueHeads);
    check(
        partialRotaryFactor > 0 && partialRotaryFactor <= 1,
        "partial_rotary_factor",
        partialRotaryFactor,
        "more than 0 and at most 1");
    int rotaryDim = rotaryDim(hiddenSize / numAttentionHeads, partialRotaryFactor);
    check(
        rotaryDim % 2 == 0 && rotaryDim > 0,
        "partial_rotary_factor",
        partialRotaryFactor,
        "an even number of rotary dimensions, not " + rotaryDim);
    check(
        (long) maxPositionEmbeddings * (rotaryDim / 2) <= MAX_ANGLES,
        "max_position_embeddings",
        maxPositionEmbeddings,
        "at most %d with %d rotary dimensions".formatted(2L * MAX_ANGLES / rotaryDim, rotaryDim));
    check(ropeTheta > 0 && Double.isFinite(ropeTheta), "rope_theta", ropeTheta, "more than 0");
    check(
        layerNormEps > 0 && layerNormEps < 1,
        "layer_norm_eps",
        layerNormEps,
        "more than 0 and less than 1");
    checkProbability("resid_pdrop", residPdrop);
    checkProbability("embd_pdrop", embdPdrop);
    checkProbability("attention_dropout", attentionDropout);
    check(
        initializerRange >= 0 && Double.isFinite(initializerRange),
        "initializer_range",
        initializerRange,
        "0 or more");
    bosTokenId.ifPresent(id -> checkToken("bos_token_id", id, vocabSize));
    eosTokenIds.forEach(id -> checkToken("eos_token_id", id, vocabSize));
    torchDtype.ifPresent(type -> check(type.isWeight(), "torch_dtype", type, "F32, F16 or BF16"));
  }

  private static void checkSize(String name, int value, int limit) {
    check(value > 0 && value <= limit, name, value, "1 to " + limit);
  }

  private static void checkProbability(String name, double value) {
    check(value >= 0 && value < 1, name, value, "0 to less than 1");
  }

  private static void checkToken(String name, int id, int vocabSize) {
    check(id >= 0 && id < vocabSize, name, id, "0 to " + (vocabSize - 1) + ", inside vocab_size");
  }

  private static void check(boolean good, String name, Object found, String needed) {
    if (!good) {
      throw new IllegalArgumentException(name + ": " + found + " found, needed " + needed);
    }
  }

  /** Truncated as the reference does. */
  static int rotaryDim(int headDim, double partialRotaryFactor) {
    return (int) (headDim * partialRotaryFactor);
  }

  /** A factor from which {@link #rotaryDim()} gives back a number of dimensions. */
  static double rotaryFactor(int headDim, int rotaryDim) {
    double factor = (double) rotaryDim / headDim;
    return rotaryDim(headDim, factor) < rotaryDim ? Math.nextUp(factor) : factor;
  }

  /**
   * The shape of microsoft/phi-2.
   *
   * @return 2,779,683,840 parameters, 51,200 ids, saved as F16
   */
  public static PhiConfig phi2() {
    return phi2Body(51_200, 50_256, 50_256, DType.F16);
  }

  /**
   * The shape of yanolja/EEVE-Korean-2.8B-v1.0: phi-2 with Korean ids added.
   *
   * @return 2,819,340,864 parameters, 58,944 ids, saved as BF16
   */
  public static PhiConfig eeve2_8b() {
    return phi2Body(58_944, 58_940, 58_943, DType.BF16);
  }

  private static PhiConfig phi2Body(int vocabSize, int bos, int eos, DType type) {
    return new PhiConfig(
        vocabSize,
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
        OptionalInt.of(bos),
        List.of(eos),
        Optional.of(type));
  }

  /**
   * Reads a model folder's {@code config.json}, in any of the spellings Phi checkpoints have used.
   *
   * @param file the file
   * @return checked
   * @throws CheckpointException names the file, the setting, what was found and what is needed
   */
  public static PhiConfig read(Path file) throws CheckpointException {
    return PhiConfigReader.read(file);
  }

  /**
   * Reads the settings of an opened model: a folder's {@code config.json}, a GGUF file's keys.
   *
   * @param files a folder or a GGUF file
   * @return checked
   * @throws CheckpointException names the file, the setting, what was found and what is needed
   */
  public static PhiConfig read(Checkpoint files) throws CheckpointException {
    return switch (files) {
      case ModelFolder folder -> read(folder.path().resolve("config.json"));
      case NormalFloatFolder folder -> read(folder.path().resolve("config.json"));
      case Gguf file -> PhiGgufKeys.read(file);
    };
  }

  /**
   * Reads the content of a {@code config.json}.
   *
   * @param file where it is from, as errors shall name it
   * @param json the content, in UTF-8
   * @return checked
   * @throws CheckpointException names the file, the setting, what was found and what is needed
   */
  public static PhiConfig parse(Path file, byte[] json) throws CheckpointException {
    return PhiConfigReader.parse(file, json);
  }

  /**
   * Elements of one head.
   *
   * @return hiddenSize ÷ numAttentionHeads
   */
  public int headDim() {
    return hiddenSize / numAttentionHeads;
  }

  /**
   * The elements of each query and key head that are rotated, its first ones.
   *
   * @return even
   */
  public int rotaryDim() {
    return rotaryDim(headDim(), partialRotaryFactor);
  }

  /**
   * The sizes that decide which tensors there are.
   *
   * @return for {@link dev.eeve.checkpoint.PhiTensorNames}
   */
  public PhiDimensions dimensions() {
    return new PhiDimensions(
        vocabSize,
        hiddenSize,
        intermediateSize,
        numHiddenLayers,
        numAttentionHeads,
        numKeyValueHeads);
  }

  /**
   * The elements of all tensors.
   *
   * @return 2,819,340,864 for EEVE-Korean-2.8B
   */
  public long parameterCount() {
    return dimensions().parameterCount();
  }

  /**
   * This configuration with other tokens around a document.
   *
   * @param bos the token one starts with, if any
   * @param eos the tokens that end one
   * @return a copy
   */
  public PhiConfig withTokens(OptionalInt bos, List<Integer> eos) {
    return new PhiConfig(
        vocabSize,
        hiddenSize,
        intermediateSize,
        numHiddenLayers,
        numAttentionHeads,
        numKeyValueHeads,
        partialRotaryFactor,
        ropeTheta,
        layerNormEps,
        maxPositionEmbeddings,
        residPdrop,
        embdPdrop,
        attentionDropout,
        initializerRange,
        bos,
        eos,
        torchDtype);
  }

  /**
   * The keys of a GGUF file that say the same; of several eos ids the first two.
   *
   * @return without tokenizer; {@link #read(Checkpoint)} gives the settings of inference back
   */
  public SequencedMap<String, GgufValue> toGguf() {
    return PhiGgufKeys.of(this);
  }

  /**
   * A {@code config.json} in the current Hugging Face layout: sorted keys, two spaces, a line end.
   *
   * @return in UTF-8; {@link #parse} gives an equal configuration back
   */
  public byte[] toJson() {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.putArray("architectures").add("PhiForCausalLM");
    json.put("attention_dropout", attentionDropout);
    bosTokenId.ifPresent(id -> json.put("bos_token_id", id));
    json.put("embd_pdrop", embdPdrop);
    if (eosTokenIds.size() == 1) {
      json.put("eos_token_id", eosTokenIds.get(0));
    } else if (eosTokenIds.size() > 1) {
      eosTokenIds.forEach(json.putArray("eos_token_id")::add);
    }
    json.put("hidden_act", "gelu_new");
    json.put("hidden_size", hiddenSize);
    json.put("initializer_range", initializerRange);
    json.put("intermediate_size", intermediateSize);
    json.put("layer_norm_eps", layerNormEps);
    json.put("max_position_embeddings", maxPositionEmbeddings);
    json.put("model_type", "phi");
    json.put("num_attention_heads", numAttentionHeads);
    json.put("num_hidden_layers", numHiddenLayers);
    json.put("num_key_value_heads", numKeyValueHeads);
    json.put("partial_rotary_factor", partialRotaryFactor);
    json.put("qk_layernorm", false);
    json.put("resid_pdrop", residPdrop);
    json.put("rope_theta", ropeTheta);
    json.put("tie_word_embeddings", false);
    torchDtype.ifPresent(type -> json.put("torch_dtype", PhiConfigReader.torchName(type)));
    json.put("vocab_size", vocabSize);
    try {
      String text = StrictJson.MAPPER.writer(StrictJson.INDENTED).writeValueAsString(json);
      return (text + "\n").getBytes(StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("a tree of numbers and names did not become JSON", e);
    }
  }
}
