package dev.eeve.vocabulary;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.StrictJson;
import dev.eeve.model.PhiConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes the wider model's folder in Hugging Face's current layout, whole or not at all. */
final class ExpandedFolder {
  private static final long STRIP_BYTES = 4 << 20;
  private static final int MAX_JSON_BYTES = 64 << 20;

  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final List<String> HEAD = List.of("lm_head.weight", "lm_head.bias");

  private final Path base;
  private final PhiConfig config;
  private final int vocabSize;
  private final int firstNewId;
  private final Map<String, Integer> specialTokens;

  /**
   * A folder to be.
   *
   * @param base the old model's folder
   * @param config its settings
   * @param vocabSize rows of the new matrices
   * @param firstNewId where new ids start
   * @param specialTokens ids of the new special tokens; empty where there are none
   */
  ExpandedFolder(
      Path base,
      PhiConfig config,
      int vocabSize,
      int firstNewId,
      Map<String, Integer> specialTokens) {
    this.base = base;
    this.config = config;
    this.vocabSize = vocabSize;
    this.firstNewId = firstNewId;
    this.specialTokens = specialTokens;
  }

  /** Checks that the base's weights are all there. */
  void check() throws IOException {
    try (ModelFolder folder = ModelFolder.open(base)) {
      PhiTensorNames.resolve(base, folder.tensors(), config.dimensions());
    }
  }

  /**
   * Writes everything.
   *
   * @param output the new folder
   * @param tokenizer its tokenizer.json
   * @param report its expansion.json
   * @param rows how the matrices grow
   * @param progress told bytes of weights
   */
  void write(
      Path output,
      byte[] tokenizer,
      byte[] report,
      EmbeddingInitializer rows,
      long maxShardBytes,
      ExpansionProgress progress)
      throws IOException {
    try (ModelFolder folder = ModelFolder.open(base)) {
      Map<String, ResolvedTensor> tensors =
          PhiTensorNames.resolve(base, folder.tensors(), config.dimensions());
      List<TensorSpec> specs = new ArrayList<>();
      for (ResolvedTensor tensor : tensors.values()) {
        List<Long> shape = new ArrayList<>(tensor.source().shape());
        shape.set(0, isWider(tensor.name()) ? (long) vocabSize : tensor.rows());
        specs.add(new TensorSpec(tensor.name(), tensor.source().dtype(), shape));
      }
      long total = specs.stream().mapToLong(TensorSpec::byteSize).sum();
      long done = 0;
      try (ModelFolderWriter writer = ModelFolderWriter.create(output, specs, maxShardBytes)) {
        writer.addFile("tokenizer.json", tokenizer);
        writer.addFile("expansion.json", report);
        for (Map.Entry<String, byte[]> file : settings().entrySet()) {
          writer.addFile(file.getKey(), file.getValue());
        }
        for (TensorSpec spec : writer.order()) {
          ResolvedTensor tensor = tensors.get(spec.name());
          if (spec.name().equals(EMBEDDING)) {
            rows.write(folder, tensor, EmbeddingInitializer.Rule.MEAN, writer);
          } else if (HEAD.contains(spec.name())) {
            rows.write(folder, tensor, EmbeddingInitializer.Rule.FIRST, writer);
          } else {
            long size = tensor.byteSize();
            copy(folder, tensor.source(), tensor.byteOffset(), size, spec.name(), writer);
          }
          done += spec.byteSize();
          progress.update("writing", done, total);
        }
        writer.finish();
      }
    }
  }

  private static boolean isWider(String tensor) {
    return tensor.equals(EMBEDDING) || HEAD.contains(tensor);
  }

  /** Copies a part of a tensor in strips. */
  static void copy(
      ModelFolder from,
      TensorInfo source,
      long offset,
      long size,
      String name,
      ModelFolderWriter writer)
      throws IOException {
    if (size == 0) {
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(Math.min(size, STRIP_BYTES));
      for (long at = 0; at < size; at += STRIP_BYTES) {
        MemorySegment part = strip.asSlice(0, Math.min(STRIP_BYTES, size - at));
        from.read(source, offset + at, part);
        writer.write(name, part);
      }
    }
  }

  /** Every settings file of the new folder, by name. */
  private Map<String, byte[]> settings() throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    ObjectNode tokenizerConfig = read("tokenizer_config.json");
    if (tokenizerConfig == null) {
      tokenizerConfig = StrictJson.MAPPER.createObjectNode();
      tokenizerConfig.put("tokenizer_class", "PreTrainedTokenizerFast");
      tokenizerConfig.put("clean_up_tokenization_spaces", false);
      tokenizerConfig.put("model_max_length", config.maxPositionEmbeddings());
    }
    ObjectNode specialMap = read("special_tokens_map.json");
    if (specialMap == null) {
      specialMap = StrictJson.MAPPER.createObjectNode();
      for (String role : List.of("bos_token", "eos_token", "unk_token", "pad_token")) {
        if (tokenizerConfig.path(role).isTextual()) {
          specialMap.set(role, tokenizerConfig.get(role));
        }
      }
    }
    ObjectNode generation = read("generation_config.json");
    ObjectNode model = modelConfig();
    model.put("vocab_size", vocabSize).put("number_of_old_tokens", firstNewId);
    if (isEeve()) {
      for (ObjectNode names : List.of(tokenizerConfig, specialMap)) {
        names.put("bos_token", "<s>").put("eos_token", "<|im_end|>").put("pad_token", "</s>");
      }
      ObjectNode added = (ObjectNode) tokenizerConfig.get("added_tokens_decoder");
      if (added != null) {
        specialTokens.forEach((content, id) -> added.set(String.valueOf(id), decoder(content)));
      }
      putIds(model);
      if (generation != null) {
        putIds(generation);
        generation.put("pad_token_id", specialTokens.get("</s>"));
      }
    }
    files.put("config.json", json(model));
    files.put("tokenizer_config.json", json(tokenizerConfig));
    files.put("special_tokens_map.json", json(specialMap));
    if (generation != null) {
      files.put("generation_config.json", json(generation));
    }
    return files;
  }

  /** The base's own file where it is in today's spelling, so that nothing it says is lost. */
  private ObjectNode modelConfig() throws IOException {
    ObjectNode found = read("config.json");
    if (found != null && found.path("model_type").asText().equals("phi") && !found.has("n_embd")) {
      return found;
    }
    return (ObjectNode) StrictJson.parse("config.json", config.toJson());
  }

  private boolean isEeve() {
    return specialTokens.keySet().containsAll(ExpansionConfig.EEVE_SPECIAL_TOKENS);
  }

  private void putIds(ObjectNode json) {
    json.put("bos_token_id", specialTokens.get("<s>"));
    json.put("eos_token_id", specialTokens.get("<|im_end|>"));
  }

  private static ObjectNode decoder(String content) {
    return StrictJson.MAPPER
        .createObjectNode()
        .put("content", content)
        .put("lstrip", false)
        .put("normalized", false)
        .put("rstrip", false)
        .put("single_word", false)
        .put("special", true);
  }

  private ObjectNode read(String name) throws IOException {
    Path file = base.resolve(name);
    if (!Files.exists(file)) {
      return null;
    }
    JsonNode json = StrictJson.read(file, MAX_JSON_BYTES);
    if (!(json instanceof ObjectNode object)) {
      throw new IOException(file + ": " + json.getNodeType() + " found, needed an object");
    }
    return object;
  }

  /** Indented, with a line end. */
  static byte[] json(JsonNode tree) {
    try {
      String text = StrictJson.MAPPER.writer(StrictJson.INDENTED).writeValueAsString(tree);
      return (text + "\n").getBytes(StandardCharsets.UTF_8);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of plain values is always JSON", e);
    }
  }
}
