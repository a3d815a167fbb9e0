package dev.eeve.bench;

import dev.eeve.model.PhiConfig;

/** EEVE's width with fewer layers: what takes a part of the whole's time and memory. */
final class FewLayers {
  private FewLayers() {}

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
