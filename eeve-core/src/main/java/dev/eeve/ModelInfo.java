package dev.eeve;

import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Simd;
import dev.eeve.model.KeptTypes;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SequencedMap;

/**
 * What a model folder or a GGUF file holds, read from its headers alone.
 *
 * @param config its settings
 * @param parametersByPart elements of the tensors, by part of the model, in module order
 * @param bytesByDtype bytes of the tensors in the files, by their type there
 * @param dtype how most weights would be kept
 * @param tokens ids that have a token; empty where there is no tokenizer
 * @param addedTokens tokens beside the BPE model's; empty where there is no tokenizer
 * @param kernels which kernels run here, and why
 * @param memory what generating over the model's whole context needs
 */
public record ModelInfo(
    PhiConfig config,
    SequencedMap<String, Long> parametersByPart,
    SequencedMap<DType, Long> bytesByDtype,
    ElementType dtype,
    OptionalInt tokens,
    OptionalInt addedTokens,
    String kernels,
    MemoryPlan memory) {
  /**
   * Reads a model; the weights stay on disk.
   *
   * @param path a Hugging Face model folder or a GGUF file
   * @param options how it would be loaded
   * @return what it holds
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static ModelInfo read(Path path, LoadOptions options) throws IOException {
    ModelFiles files = ModelFiles.read(path);
    PhiConfig config = files.config();
    SequencedMap<String, Long> parts = new LinkedHashMap<>();
    SequencedMap<DType, Long> dtypes = new LinkedHashMap<>();
    KeptTypes types;
    try (Checkpoint weights = Checkpoint.open(path)) {
      Map<String, ResolvedTensor> tensors = PhiTensorNames.resolve(weights, config.dimensions());
      for (String name : config.dimensions().shapes().keySet()) {
        ResolvedTensor tensor = tensors.get(name);
        DType type = tensor.source().dtype();
        dtypes.merge(type, tensor.byteSize(), Long::sum);
        parts.merge(MemoryPlan.part(name), tensor.elements(), Long::sum);
      }
      types = KeptTypes.of(config, tensors, options.dtype());
    }
    MemoryPlan memory =
        MemoryPlan.forGeneration(
            config,
            types,
            options.cacheType(),
            config.maxPositionEmbeddings(),
            options.blocking(),
            options.threads());
    return new ModelInfo(
        config,
        parts,
        dtypes,
        types.main(config),
        tokens(files),
        files.tokenizer().isEmpty()
            ? OptionalInt.empty()
            : OptionalInt.of(files.tokenizer().get().addedTokens().size()),
        Simd.describe(),
        memory);
  }

  private static OptionalInt tokens(ModelFiles files) {
    return files.tokenizer().isEmpty()
        ? OptionalInt.empty()
        : OptionalInt.of(
            files.config().vocabSize()
                - ModelFiles.unused(files.config(), files.tokenizer()).cardinality());
  }
}
