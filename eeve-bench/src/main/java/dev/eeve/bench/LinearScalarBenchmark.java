package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Param;

/** The scalar twin of {@link LinearBenchmark}, at those of its sizes that end soon. */
public class LinearScalarBenchmark extends LinearKernel {
  /** Layer and tokens. */
  @Param({"phi2.dense.T1", "phi2.dense.T4", "phi2.dense.T128"})
  public String shape;

  /** How the weights are stored. */
  @Param({"F32", "F16", "BF16", "Q8_0", "Q4_0"})
  public ElementType type;

  /** Threads that share a call. */
  @Param("1")
  public int threads;

  /** For JMH. */
  public LinearScalarBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  ElementType type() {
    return type;
  }

  @Override
  int threads() {
    return threads;
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
