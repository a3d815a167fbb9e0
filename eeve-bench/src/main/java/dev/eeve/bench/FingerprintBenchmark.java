package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Fingerprint;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import java.util.List;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;

/** {@link Fingerprint} of weights as they are in memory: what saving a context costs once. */
public class FingerprintBenchmark extends KernelBenchmark {
  /** A layer. */
  @Param("phi2.head")
  public String shape;

  /** Threads that share a call. */
  @Param({"1", "2"})
  public int threads;

  private List<Weights> copies;
  private int turn;
  private long value;

  /** For JMH. */
  public FingerprintBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  int threads() {
    return threads;
  }

  @Override
  boolean allocates() {
    return true; // pieces and their values
  }

  @Override
  Work prepare(Shape shape) {
    Shape.Matrix matrix = shape.matrices().getFirst();
    long bytes = ElementType.BF16.byteSize(matrix.elements());
    copies = WeightCopies.of(arena, ElementType.BF16, matrix, shape.copies(bytes), random);
    turn = 0;
    return Work.memory(bytes, threads);
  }

  @Override
  void run() {
    Weights weights = copies.get(turn);
    turn = turn + 1 == copies.size() ? 0 : turn + 1;
    value = new Fingerprint().add(workers, weights).value();
  }

  /** The same at another number of threads; its bytes' values have tests of their own. */
  @Override
  void check() {
    try (WorkerPool other = new WorkerPool(3);
        Workers shared = other.workers()) {
      long again = new Fingerprint().add(shared, copies.getFirst()).value();
      if (value != again) {
        throw new IllegalStateException(value + ", needed " + again + "; the kernel is wrong");
      }
    }
  }

  /**
   * The kernel.
   *
   * @return its value
   */
  @Benchmark
  public long fingerprint() {
    run();
    return value;
  }
}
