package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the machine gives at most, measured by the kernels' own means at a pool's number of threads:
 * the two yardsticks that the speed of every kernel is held against. Each is the best of many short
 * rounds, because other programs can only slow a round down.
 *
 * @param fmaFlopsPerSecond fp32 fused multiply-adds in registers, two operations each
 * @param readBytesPerSecond bytes read from memory, far more than the caches hold
 */
public record MachineLimits(double fmaFlopsPerSecond, double readBytesPerSecond) {
  /** Bytes that {@link #measure(WorkerPool)} reads over: beyond any last-level cache so far. */
  public static final long READ_BYTES = 512L << 20;

  private static final int ROUNDS = 12;
  private static final double ROUND_NANOS = 10e6;
  private static final double WARM_UP_NANOS = 150e6;

  /** No more rounds after this, where they are slow. */
  private static final double LIMIT_NANOS = 2e9;

  /** Bytes of one unit of reading. */
  private static final int CHUNK = 1 << 20;

  /** Independent sums: two units with a latency of four or five cycles are kept busy. */
  private static final int SUMS = 10;

  /** Fused multiply-adds in a row on each sum. */
  private static final int STEPS = 512;

  /** Such rows in one unit: so many that sharing units out costs nothing beside them. */
  private static final int CALLS = 64;

  /**
   * Measures both limits; takes about a second and {@link #READ_BYTES} of memory meanwhile.
   *
   * @param pool threads to measure with
   * @return the limits
   */
  public static MachineLimits measure(WorkerPool pool) {
    return new MachineLimits(fmaFlopsPerSecond(pool), readBytesPerSecond(pool, READ_BYTES));
  }

  /**
   * The higher of two measurements, each limit by itself.
   *
   * @param other another measurement on the same machine
   * @return the limits
   */
  public MachineLimits max(MachineLimits other) {
    return new MachineLimits(
        Math.max(fmaFlopsPerSecond, other.fmaFlopsPerSecond),
        Math.max(readBytesPerSecond, other.readBytesPerSecond));
  }

  /**
   * The peak rate of fp32 fused multiply-adds: chains in registers, as many as hide the latency.
   * Where the vector kernels are off it is the rate of scalar ones.
   *
   * @param pool threads to measure with
   * @return operations a second, two for each multiply-add
   */
  public static double fmaFlopsPerSecond(WorkerPool pool) {
    FmaJob job = new FmaJob();
    double flops = 2.0 * CALLS * STEPS * SUMS * (Simd.VECTOR ? Simd.bits() / 32 : 1);
    try (Workers workers = pool.workers()) {
      double nanos = warmUp(workers, job, pool.threads());
      int units = (int) Math.clamp(ROUND_NANOS / nanos, pool.threads(), 1e7);
      return flops * best(workers, job, units);
    }
  }

  /**
   * The rate at which memory is read front to back, in one stream or in four side by side per
   * thread, whichever is faster.
   *
   * @param pool threads to measure with
   * @param bytes memory to take and read over, many times the last-level cache; at least 1 MB
   * @return bytes a second
   */
  public static double readBytesPerSecond(WorkerPool pool, long bytes) {
    if (bytes < CHUNK || bytes / CHUNK > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("bytes: " + bytes + ", needed at least " + CHUNK);
    }
    int units = (int) (bytes / CHUNK);
    try (Arena arena = Arena.ofShared();
        Workers workers = pool.workers()) {
      MemorySegment memory = arena.allocate((long) units * CHUNK, 4096);
      double best = 0;
      for (int streams : new int[] {1, 4}) {
        ReadJob job = new ReadJob(memory, streams);
        warmUp(workers, job, Math.min(units, pool.threads()));
        best = Math.max(best, CHUNK * best(workers, job, units));
      }
      return best;
    }
  }

  /** Repeats a few units until they are compiled; returns the nanoseconds that one then takes. */
  private static double warmUp(Workers workers, Job job, int units) {
    long start = System.nanoTime();
    double best = Double.MAX_VALUE;
    while (System.nanoTime() - start < WARM_UP_NANOS) {
      best = Math.min(best, time(workers, job, units) / units);
    }
    return best;
  }

  /** Units a second in the best round. */
  private static double best(Workers workers, Job job, int units) {
    long start = System.nanoTime();
    double best = 0;
    for (int i = 0; i < ROUNDS && System.nanoTime() - start < LIMIT_NANOS; i++) {
      best = Math.max(best, units / time(workers, job, units) * 1e9);
    }
    return best;
  }

  private static double time(Workers workers, Job job, int units) {
    long start = System.nanoTime();
    workers.run(job, units);
    return System.nanoTime() - start;
  }

  /** One unit is many multiply-adds on each of some independent sums. */
  private static final class FmaJob extends Job {
    @Override
    void run(int unit, Scratch scratch) {
      float[] sums = scratch.floats(Scratch.Use.SUMS, 16 * SUMS);
      for (int i = 0; i < CALLS; i++) {
        if (Simd.VECTOR) {
          VectorLimits.fma(sums, STEPS, 0.999f, 0.001f);
        } else {
          scalar(sums, STEPS, 0.999f, 0.001f);
        }
      }
    }

    private static void scalar(float[] sums, int steps, float x, float y) {
      float a0 = sums[0];
      float a1 = sums[1];
      float a2 = sums[2];
      float a3 = sums[3];
      float a4 = sums[4];
      float a5 = sums[5];
      float a6 = sums[6];
      float a7 = sums[7];
      float a8 = sums[8];
      float a9 = sums[9];
      for (int i = 0; i < steps; i++) {
        a0 = Math.fma(x, y, a0);
        a1 = Math.fma(x, y, a1);
        a2 = Math.fma(x, y, a2);
        a3 = Math.fma(x, y, a3);
        a4 = Math.fma(x, y, a4);
        a5 = Math.fma(x, y, a5);
        a6 = Math.fma(x, y, a6);
        a7 = Math.fma(x, y, a7);
        a8 = Math.fma(x, y, a8);
        a9 = Math.fma(x, y, a9);
      }
      sums[0] = a0;
      sums[1] = a1;
      sums[2] = a2;
      sums[3] = a3;
      sums[4] = a4;
      sums[5] = a5;
      sums[6] = a6;
      sums[7] = a7;
      sums[8] = a8;
      sums[9] = a9;
    }
  }

  /** One unit is one chunk, read in one or four streams. */
  private static final class ReadJob extends Job {
    private final MemorySegment memory;
    private final int streams;
    private volatile long result;

    ReadJob(MemorySegment memory, int streams) {
      this.memory = memory;
      this.streams = streams;
    }

    @Override
    void run(int unit, Scratch scratch) {
      long from = (long) unit * CHUNK;
      int bytes = CHUNK / streams;
      if (Simd.VECTOR) {
        result =
            streams == 1
                ? VectorLimits.readOne(memory, from, bytes)
                : VectorLimits.readFour(memory, from, bytes);
      } else {
        result = scalar(from, bytes);
      }
    }

    private long scalar(long from, int bytes) {
      long sum = 0;
      for (int i = 0; i < bytes; i += Long.BYTES) {
        for (int s = 0; s < streams; s++) {
          sum += memory.get(JAVA_LONG, from + (long) s * bytes + i);
        }
      }
      return sum;
    }
  }
}
