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
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a stage starts from, read from headers alone.
 *
 * @param folder a model folder; empty for random weights
 * @param config the shape
 * @param type how matrices are kept: the folder's, or F32 where it mixes types, which holds each
 *     exactly
 */
record StageBase(Optional<Path> folder, PhiConfig config, ElementType type) {
  static StageBase of(TrainingPlan plan, Optional<Path> folder) throws IOException {
    if (folder.isPresent()) {
      PhiConfig config = PhiConfig.read(folder.get().resolve("config.json"));
      if (NormalFloatFolder.isIn(folder.get())
          && (plan.adapter().isEmpty() || plan.stage().isPresent())) {
        throw new IllegalArgumentException(
            ("base_model: %s holds NF4, needed adapter: lora without a stage beside it, or the"
                    + " unquantized model")
                .formatted(folder.get()));
      }
      List<ElementType> types = types(folder.get(), config).values().stream().distinct().toList();
      return new StageBase(folder, config, types.size() == 1 ? types.getFirst() : ElementType.F32);
    }
    PhiConfig config = PhiConfig.read(plan.modelConfig().orElseThrow());
    ElementType type =
        config.torchDtype().map(t -> ElementType.valueOf(t.name())).orElse(ElementType.F32);
    return new StageBase(folder, config, type);
  }

  /** What the stage after this one starts from, as far as it is known before it is written. */
  StageBase after(TrainingPlan plan) {
    return new StageBase(folder, config, plan.saveDtype().orElse(type));
  }

  /** The model, its matrices in the types that this training wants. */
  PhiModel open(TrainingPlan plan, TrainableParameters trainable, int threads) throws IOException {
    KeptTypes types = trainable.parameters().types();
    return folder.isPresent()
        ? PhiModel.open(folder.get(), types, threads)
        : PhiModel.random(config, types, plan.config().seed(), threads);
  }

  /** How frozen matrices are kept: the body's own ones quantized beside an adapter. */
  KeptTypes kept(TrainingPlan plan) {
    KeptTypes own = KeptTypes.of(config, type);
    return plan.quantized().map(blocks -> own.withLinears(config, blocks)).orElse(own);
  }

  /** The types of the folder's tensors. */
  Map<String, ElementType> types() throws IOException {
    return types(folder.orElseThrow(), config);
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
