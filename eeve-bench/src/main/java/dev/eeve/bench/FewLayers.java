package dev.eeve.bench;

import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.util.Locale;
import java.util.Optional;

/** EEVE's width with fewer layers: what takes a part of the whole's time and memory. */
final class FewLayers {
  private FewLayers() {}

  /** A model of random weights, without a tokenizer. */
  static LanguageModel open(String layers, String type, int threads) {
    ElementType kept = ElementType.valueOf(type.toUpperCase(Locale.ROOT));
    PhiModel phi = PhiModel.random(eeve(Integer.parseInt(layers)), kept, 1, threads);
    LoadOptions options = LoadOptions.defaults().withThreads(threads);
    return LanguageModel.of(phi, Optional.empty(), options);
  }

  static PhiConfig eeve(int layers) {
    PhiConfig whole = PhiConfig.eeve2_8b();
    return new PhiConfig(
        whole.vocabSize(),
        whole.hiddenSize(),
        whole.intermediateSize(),
        layers,
        whole.numAttentionHeads(),
        whole.numKeyValueHeads(),
        whole.partialRotaryFactor(),
        whole.ropeTheta(),
        whole.layerNormEps(),
        whole.maxPositionEmbeddings(),
        0,
        0,
        0,
        whole.initializerRange(),
        whole.bosTokenId(),
        whole.eosTokenIds(),
        whole.torchDtype());
  }
}
