package dev.eeve.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;

/** A kernel measured at the same sizes with its vector and with its scalar twin. */
public abstract class TwinBenchmark extends KernelBenchmark {
  /** For JMH. */
  protected TwinBenchmark() {}

  /** The kernels that this machine runs. */
  @Benchmark
  public void vector() {
    run();
  }

  /** The scalar kernels. */
  @Benchmark
  @Fork(
      value = 1,
      jvmArgsPrepend = {"--add-modules", "jdk.incubator.vector"},
      jvmArgsAppend = SCALAR)
  public void scalar() {
    run();
  }
}
