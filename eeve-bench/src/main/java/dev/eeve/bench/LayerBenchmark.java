package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** A decoding step and a block of a prompt through some of phi-2's layers. */
public class LayerBenchmark extends LayerKernel {
  /** Tokens before, and of the call: T1 is a step. */
  @Param({"phi2.layers.P128.T1", "phi2.layers.T128"})
  public String shape;

  /** How the weights are stored. */
  @Param({"F32", "F16", "BF16", "Q8_0", "Q4_0"})
  public ElementType type;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  /** For JMH. */
  public LayerBenchmark() {}

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

  @Override
  int layers(Shape shape, long layerBytes) {
    return shape.tokens() == 1 ? shape.copies(layerBytes) : 1;
  }

  /** The kernels that this machine runs. */
  @Benchmark
  public void vector() {
    run();
  }
}
