package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Param;

/** The scalar twin of {@link LayerBenchmark}: a step through one layer. */
public class LayerScalarBenchmark extends LayerKernel {
  /** Tokens before, and of the call. */
  @Param("phi2.layers.P5.T1")
  public String shape;

  /** How the weights are stored. */
  @Param({"F32", "F16", "BF16"})
  public ElementType type;

  /** For JMH. */
  public LayerScalarBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  ElementType type() {
    return type;
  }

  @Override
  int layers(Shape shape, long layerBytes) {
    return 1;
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
