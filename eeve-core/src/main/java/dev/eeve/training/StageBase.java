package dev.eeve.training;

import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.checkpoint.NormalFloatFolder;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.KeptTypes;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a stage starts from, read from headers alone.
 *
 * @param path a model folder, or the GGUF file beside which an adapter trains; empty for random
 *     weights
 * @param config the shape
 * @param own how matrices are kept: in a folder's type, or F32 where it mixes types, which holds
 *     each exactly; in a GGUF file's, block by block where it has blocks
 */
record StageBase(Optional<Path> path, PhiConfig config, KeptTypes own) {
  static StageBase of(TrainingPlan plan, Optional<Path> base) throws IOException {
    if (base.isEmpty()) {
      PhiConfig config = PhiConfig.read(plan.modelConfig().orElseThrow());
      ElementType type =
          config.torchDtype().map(t -> ElementType.valueOf(t.name())).orElse(ElementType.F32);
      return new StageBase(base, config, KeptTypes.of(config, type));
    }
    Path path = base.get();
    boolean onlyBeside = plan.adapter().isPresent() && plan.stage().isEmpty();
    if (Files.isRegularFile(path)) {
      if (!onlyBeside) {
        throw unquantizedNeeded(path + ": a GGUF file");
      }
      try (Checkpoint file = Checkpoint.open(path)) {
        PhiConfig config = PhiConfig.read(file);
        Map<String, ResolvedTensor> tensors = PhiTensorNames.resolve(file, config.dimensions());
        return new StageBase(base, config, KeptTypes.of(config, tensors, Optional.empty()));
      }
    }
    PhiConfig config = PhiConfig.read(path.resolve("config.json"));
    if (!onlyBeside && NormalFloatFolder.isIn(path)) {
      throw unquantizedNeeded(path + ": a folder of NF4 weights");
    }
    List<ElementType> types = types(path, config).values().stream().distinct().toList();
    ElementType type = types.size() == 1 ? types.getFirst() : ElementType.F32;
    return new StageBase(base, config, KeptTypes.of(config, type));
  }

  private static IllegalArgumentException unquantizedNeeded(String found) {
    return new IllegalArgumentException(
        ("base_model: %s found, needed an unquantized model folder for all but adapter: lora or"
                + " qlora without a stage; name the folder it was made of or train an adapter")
            .formatted(found));
  }

  /** What the stage after this one starts from, as far as it is known before it is written. */
  StageBase after(TrainingPlan plan) {
    return new StageBase(
        path, config, plan.saveDtype().map(type -> KeptTypes.of(config, type)).orElse(own));
  }

  /** The type of most of the base's weights. */
  ElementType type() {
    return own.main(config);
  }

  /** The model, its matrices in the types that this training wants. */
  PhiModel open(TrainingPlan plan, TrainableParameters trainable, int threads) throws IOException {
    KeptTypes types = trainable.parameters().types();
    return path.isPresent()
        ? PhiModel.open(path.get(), types, threads)
        : PhiModel.random(config, types, plan.config().seed(), threads);
  }

  /**
   * How frozen matrices are kept: the body's own ones quantized beside an adapter, but for a base
   * that is quantized already, unless the plan names the blocks itself.
   */
  KeptTypes kept(TrainingPlan plan) {
    if (plan.quantized().isEmpty() || type().blocks().isPresent() && !plan.namesBaseDtype()) {
      return own;
    }
    return own.withLinears(config, plan.quantized().get());
  }

  /** The types of the folder's tensors. */
  Map<String, ElementType> types() throws IOException {
    return types(path.orElseThrow(), config);
  }

  private static Map<String, ElementType> types(Path folder, PhiConfig config) throws IOException {
    Map<String, ElementType> types = new LinkedHashMap<>();
    try (Checkpoint files = Checkpoint.open(folder)) {
      for (ResolvedTensor tensor : PhiTensorNames.resolve(files, config.dimensions()).values()) {
        types.put(tensor.name(), ElementType.valueOf(tensor.source().dtype().name()));
      }
    }
    return types;
  }
}
