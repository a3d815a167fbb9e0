package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** Every linear layer of phi-2 for one token, a few, and blocks of a prompt. */
public class LinearBenchmark extends LinearKernel {
  /** Layer and tokens; {@code phi2.fc1.T512} is the product of (512, 2560) and (2560, 10240). */
  @Param({
    "phi2.qkv.T1", "phi2.qkv.T4", "phi2.qkv.T128", "phi2.qkv.T512",
    "phi2.dense.T1", "phi2.dense.T4", "phi2.dense.T128", "phi2.dense.T512",
    "phi2.fc1.T1", "phi2.fc1.T4", "phi2.fc1.T128", "phi2.fc1.T512",
    "phi2.fc2.T1", "phi2.fc2.T4", "phi2.fc2.T128", "phi2.fc2.T512",
    "phi2.head.T1", "phi2.head.T4", "phi2.head.T128", "phi2.head.T512"
  })
  public String shape;

  /** How the weights are stored. */
  @Param({"F32", "F16", "BF16", "Q8_0", "Q4_0"})
  public ElementType type;

  /** How products of many rows are computed: plain or strassen. */
  @Param("plain")
  public String way;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  /** For JMH. */
  public LinearBenchmark() {}

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
  boolean strassen() {
    return switch (way) {
      case "plain" -> false;
      case "strassen" -> true;
      default -> throw new IllegalArgumentException("way: " + way + ", needed plain or strassen");
    };
  }

  /** The kernels that this machine runs. */
  @Benchmark
  public void vector() {
    run();
  }
}
