package dev.eeve.training;

import dev.eeve.kernels.Dropout;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Workers;
import dev.eeve.model.PhiConfig;

/**
 * Dropout on the two branches of each layer, its choices fixed by one seed.
 *
 * @param probability of dropping an element; 0 is no work
 * @param seed of one pass
 */
record ResidualDropout(double probability, long seed) {
  /** No dropout. */
  static final ResidualDropout OFF = new ResidualDropout(0, 0);

  /** Refuses a model whose config asks for a dropout that these passes do not have. */
  static void requireNoOther(PhiConfig config) {
    requireNone("embd_pdrop", config.embdPdrop());
    requireNone("attention_dropout", config.attentionDropout());
  }

  private static void requireNone(String key, double found) {
    if (found != 0) {
      throw new IllegalArgumentException(
          key
              + ": "
              + found
              + ", needed 0, other dropout is not trained with; set it to 0 in"
              + " config.json, resid_pdrop may stay");
    }
  }

  boolean on() {
    return probability > 0;
  }

  void forward(Workers workers, FloatMatrix o, FloatMatrix m, int layer) {
    if (on()) {
      Dropout.forward(workers, o, o, probability, seed(layer, 0));
      Dropout.forward(workers, m, m, probability, seed(layer, 1));
    }
  }

  /** The gradient of a branch, in {@code room} where elements were dropped. */
  FloatMatrix backward(Workers workers, FloatMatrix room, FloatMatrix dh, int layer, int branch) {
    if (!on()) {
      return dh;
    }
    Dropout.backward(workers, room, dh, probability, seed(layer, branch));
    return room;
  }

  /** Sebastiano Vigna's splitmix64 over the pass's seed and the place. */
  private long seed(int layer, int branch) {
    long z = seed + (2L * layer + branch + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
