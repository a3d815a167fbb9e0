package dev.eeve.generation;

import dev.eeve.kernels.Argmax;
import dev.eeve.kernels.Softmax;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * Chooses the next token: hook, ids that are no tokens, repetition penalty, temperature, top-k,
 * top-p, min-p, in transformers' order. Ties go to the lowest id. Belongs to one generation.
 */
final class Sampler {
  private final GenerationConfig config;
  private final SplittableRandom random;

  /** Ids that are never chosen: rows of the head that no token has. */
  private final BitSet excluded;

  private final BitSet seen = new BitSet();
  private int seenCount;
  private long[] candidates = {};
  private float[] probabilities = {};

  Sampler(GenerationConfig config, BitSet excluded) {
    this.config = config;
    this.random = new SplittableRandom(config.seed());
    this.excluded = excluded;
  }

  /**
   * The token that follows.
   *
   * @param tokens the tokens so far, prompt first
   * @param count how many there are
   * @param logits V logits, changed
   * @return its id
   */
  int next(int[] tokens, int count, float[] logits) {
    config.hook().accept(tokens, count, logits);
    for (int id = excluded.nextSetBit(0); id >= 0; id = excluded.nextSetBit(id + 1)) {
      logits[id] = Float.NEGATIVE_INFINITY;
    }
    penalize(tokens, count, logits);
    int best = Argmax.of(logits, 0, logits.length);
    if (best < 0 || Math.abs(logits[best]) == Float.POSITIVE_INFINITY) {
      throw new IllegalStateException(
          "logits: "
              + (best < 0 ? "NaN" : "none finite")
              + " at token "
              + count
              + ", needed numbers; check the weights and the hook");
    }
    return config.temperature() == 0 ? best : sample(logits, logits[best]);
  }

  private void penalize(int[] tokens, int count, float[] logits) {
    float penalty = config.repetitionPenalty();
    if (penalty == 1f) {
      return;
    }
    for (; seenCount < count; seenCount++) {
      seen.set(tokens[seenCount]);
    }
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
  }

  private int sample(float[] logits, float max) {
    // Relative to the maximum first: a tiny temperature must not overflow.
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (logits[i] - max) / config.temperature();
    }
    boolean narrowed = config.topK() > 0 && config.topK() < logits.length || config.topP() < 1f;
    if (narrowed) {
      keepLikeliest(logits);
    }
    Softmax.forward(logits, 0, logits.length);
    float floor = config.minP() * logits[Argmax.of(logits, 0, logits.length)];
    double total = 0;
    for (int i = 0; i < logits.length; i++) {
      if (logits[i] < floor) {
        logits[i] = 0f;
      }
      total += logits[i];
    }
    double at = random.nextDouble() * total;
    int last = -1;
    for (int i = 0; i < logits.length; i++) {
      if (logits[i] > 0f) {
        last = i;
        at -= logits[i];
        if (at < 0) {
          return i;
        }
      }
    }
    return last;
  }

  /** Forbids all but the top k, and of these all but those that together reach top p. */
  private void keepLikeliest(float[] scaled) {
    int size = scaled.length;
    if (candidates.length < size) {
      candidates = new long[size];
    }
    for (int i = 0; i < size; i++) {
      // Ascending order of these longs is descending order of logits, then ascending of ids.
      int bits = Float.floatToIntBits(scaled[i] == 0f ? 0f : scaled[i]);
      int ascending = bits < 0 ? ~bits : bits | Integer.MIN_VALUE;
      candidates[i] = ((long) ~ascending & 0xFFFFFFFFL) << 32 | i;
    }
    for (int i = 0; i < size; i++) {
      candidates[i] ^= Long.MIN_VALUE; // unsigned order
    }
    Arrays.sort(candidates, 0, size);
    int kept = config.topK() > 0 ? Math.min(config.topK(), size) : size;
    for (int i = kept; i < size; i++) {
      scaled[(int) candidates[i]] = Float.NEGATIVE_INFINITY;
    }
    if (config.topP() == 1f) {
      return;
    }
    if (probabilities.length < size) {
      probabilities = new float[size];
    }
    System.arraycopy(scaled, 0, probabilities, 0, size);
    Softmax.forward(probabilities, 0, size);
    double sum = 0;
    for (int i = 0; i < kept; i++) {
      int id = (int) candidates[i];
      if (sum >= config.topP()) {
        scaled[id] = Float.NEGATIVE_INFINITY;
      }
      sum += probabilities[id];
    }
  }
}
