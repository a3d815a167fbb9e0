package dev.eeve.bench;

import dev.eeve.kernels.MachineLimits;
import dev.eeve.kernels.Simd;
import dev.eeve.kernels.WorkerPool;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ScalarResult;
import org.openjdk.jmh.runner.IterationType;

/**
 * Turns times into GFLOP/s, GB/s or MB/s and measures the machine's limits in the benchmark's own
 * JVM and at its number of threads, before the first measured iteration and after each. Rates are
 * those of the fastest iteration and limits the highest seen, since other programs only slow down.
 */
public final class LimitsProfiler implements InternalProfiler {
  /** 10⁹ fp32 operations a second. */
  static final String FLOPS = "gflops";

  /** The peak of fused multiply-adds, in the same unit. */
  static final String FLOPS_LIMIT = "gflops.peak";

  /** 10⁹ bytes a second. */
  static final String BYTES = "gbytes";

  /** The rate of reading memory, in the same unit. */
  static final String BYTES_LIMIT = "gbytes.read";

  /** 10⁶ bytes of text a second. */
  static final String TEXT = "mbytes.text";

  /** Vector length of the kernels; 0 for the scalar ones. */
  static final String BITS = "simd";

  private Work measured;
  private double flops;
  private double bytes;

  /** For JMH. */
  public LimitsProfiler() {}

  @Override
  public String getDescription() {
    return "rates beside the machine's limits, for the benchmarks of this jar";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    Work work = Work.current();
    if (work != null && work != measured && iteration.getType() == IterationType.MEASUREMENT) {
      measureLimits(work);
    }
  }

  @Override
  public Collection<ScalarResult> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    Work work = Work.current();
    if (work == null || iteration.getType() != IterationType.MEASUREMENT) {
      return List.of();
    }
    measureLimits(work);
    double seconds = seconds(benchmark, result.getPrimaryResult().getScore());
    List<ScalarResult> results = new ArrayList<>();
    if (work.flops() > 0) {
      results.add(highest(FLOPS, work.flops() / seconds / 1e9, "GFLOP/s"));
      results.add(highest(FLOPS_LIMIT, flops / 1e9, "GFLOP/s"));
    }
    if (work.bytes() > 0) {
      results.add(highest(BYTES, work.bytes() / seconds / 1e9, "GB/s"));
      results.add(highest(BYTES_LIMIT, bytes / 1e9, "GB/s"));
    }
    if (work.textBytes() > 0) {
      results.add(highest(TEXT, work.textBytes() / seconds / 1e6, "MB/s"));
    } else {
      results.add(highest(BITS, Simd.bits(), "bits"));
    }
    return results;
  }

  private void measureLimits(Work work) {
    if (work != measured) { // another benchmark in the same JVM
      measured = work;
      flops = 0;
      bytes = 0;
    }
    try (WorkerPool pool = new WorkerPool(work.threads())) {
      if (work.flops() > 0) {
        flops = Math.max(flops, MachineLimits.fmaFlopsPerSecond(pool));
      }
      if (work.bytes() > 0) {
        bytes = Math.max(bytes, MachineLimits.readBytesPerSecond(pool, MachineLimits.READ_BYTES));
      }
    }
  }

  private static ScalarResult highest(String name, double value, String unit) {
    return new ScalarResult(name, value, unit, AggregationPolicy.MAX);
  }

  /** Seconds of one call. */
  private static double seconds(BenchmarkParams benchmark, double score) {
    double unit = benchmark.getTimeUnit().toNanos(1) / (double) TimeUnit.SECONDS.toNanos(1);
    return benchmark.getMode() == Mode.Throughput ? unit / score : unit * score;
  }
}
