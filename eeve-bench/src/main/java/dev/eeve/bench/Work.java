package dev.eeve.bench;

/**
 * What one call of a benchmark must do at least; a kind that cannot be its limit is 0.
 *
 * @param flops fp32 operations, two for each multiply-add
 * @param bytes bytes read and written
 * @param textBytes UTF-8 bytes of text
 * @param threads threads that share the call
 */
record Work(double flops, double bytes, double textBytes, int threads) {
  /** Work of the benchmark that runs in this JVM: JMH makes the profiler, so no one can pass it. */
  private static volatile Work current;

  static Work arithmetic(double flops, int threads) {
    return new Work(flops, 0, 0, threads);
  }

  static Work memory(double bytes, int threads) {
    return new Work(0, bytes, 0, threads);
  }

  static Work text(double bytes) {
    return new Work(0, 0, bytes, 1);
  }

  /** The work of the benchmark set up last, or null before the first. */
  static Work current() {
    return current;
  }

  static void announce(Work work) {
    current = work;
  }
}
