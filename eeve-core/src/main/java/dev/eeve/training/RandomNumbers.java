package dev.eeve.training;

/**
 * SplitMix64 (Steele, Lea and Flood, 2014), written out so that data order and rounding never
 * depend on a JDK's version.
 */
final class RandomNumbers {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private long state;

  RandomNumbers(long... seeds) {
    this.state = mix(seeds);
  }

  /** One number that depends on every bit of the seeds and on their order. */
  static long mix(long... seeds) {
    long hash = GOLDEN;
    for (long seed : seeds) {
      hash = finish((hash + GOLDEN) ^ finish(seed + GOLDEN));
    }
    return hash;
  }

  private static long finish(long z) {
    long x = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
    return x ^ (x >>> 31);
  }

  long next() {
    state += GOLDEN;
    return finish(state);
  }

  /** Uniform in 0 … bound − 1, without bias. */
  int below(int bound) {
    long limit = (1L << 32) / bound * bound;
    long bits;
    do {
      bits = next() >>> 32;
    } while (bits >= limit);
    return (int) (bits % bound);
  }

  /** Uniform in 0 to less than 1, 53 bits. */
  double unit() {
    return (next() >>> 11) * 0x1p-53;
  }

  void shuffle(int[] values) {
    for (int i = values.length - 1; i > 0; i--) {
      int j = below(i + 1);
      int kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
  }
}
