package dev.eeve.model;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Shapes for tests. */
public final class PhiConfigs {
  private PhiConfigs() {}

  /**
   * Two layers of width 256.
   *
   * @return 512 ids, a context of 512
   */
  public static PhiConfig small() {
    return shape(512, 256, 1024, 2, 4, 512);
  }

  static PhiConfig giant() {
    return shape(1 << 20, 1 << 17, 1 << 19, 64, 1 << 10, 2048);
  }

  /**
   * A Phi of some shape; id 0 ends a document.
   *
   * @param vocabSize V
   * @param hidden C
   * @param intermediate F
   * @param layers L
   * @param heads H
   * @param context tokens
   * @return the config
   */
  public static PhiConfig shape(
      int vocabSize, int hidden, int intermediate, int layers, int heads, int context) {
    return new PhiConfig(
        vocabSize,
        hidden,
        intermediate,
        layers,
        heads,
        heads,
        0.5,
        10_000,
        1e-5,
        context,
        0,
        0,
        0,
        0.02,
        OptionalInt.empty(),
        List.of(0),
        Optional.empty());
  }

  /**
   * The same with heads that share keys and values.
   *
   * @param config any
   * @param keyValueHeads fewer than its heads
   * @return the config
   */
  public static PhiConfig grouped(PhiConfig config, int keyValueHeads) {
    return new PhiConfig(
        config.vocabSize(),
        config.hiddenSize(),
        config.intermediateSize(),
        config.numHiddenLayers(),
        config.numAttentionHeads(),
        keyValueHeads,
        config.partialRotaryFactor(),
        config.ropeTheta(),
        config.layerNormEps(),
        config.maxPositionEmbeddings(),
        0,
        0,
        0,
        config.initializerRange(),
        config.bosTokenId(),
        config.eosTokenIds(),
        config.torchDtype());
  }
}
