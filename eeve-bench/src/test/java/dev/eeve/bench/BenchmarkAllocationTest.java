package dev.eeve.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Simd;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.util.List;
import java.util.stream.Stream;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Once compiled, no kernel allocates on any thread, unless its benchmark says that it does. */
class BenchmarkAllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int CALLS = 50;

  /**
   * Compilation runs beside the calls; after this much of their processor time, which a busy
   * machine does not shorten, it must have caught up.
   */
  private static final long PATIENCE_NANOS = 20_000_000_000L;

  static Stream<String> classes() {
    return Benchmarks.kernelClasses();
  }

  @ParameterizedTest
  @MethodSource("classes")
  void noCallAllocatesOnceCompiled(String name) throws ReflectiveOperationException {
    assumeTrue(
        !Simd.enabled() || Simd.bits() <= VectorShape.preferredShape().vectorBitSize(),
        "vectors of this length are emulated by objects here");
    List<String> shapes =
        Benchmarks.all().stream()
            .filter(entry -> entry.getUserClassQName().equals(name))
            .findFirst()
            .map(Benchmarks::tinyShapes)
            .orElseThrow();
    for (String shape : List.of(shapes.getFirst(), shapes.getLast())) {
      KernelBenchmark benchmark =
          (KernelBenchmark) Class.forName(name).getDeclaredConstructor().newInstance();
      for (Field field : benchmark.getClass().getFields()) {
        switch (field.getName()) {
          case "shape" -> field.set(benchmark, shape);
          case "threads" -> field.set(benchmark, 2);
          case "way" -> field.set(benchmark, "plain");
          default -> field.set(benchmark, ElementType.BF16);
        }
      }
      benchmark.setUp();
      try {
        if (!benchmark.allocates()) {
          assertEquals(0, bytesOfCall(benchmark), name + " " + shape + ": bytes a call");
        }
      } finally {
        benchmark.tearDown();
      }
    }
  }

  /** Repeats calls until some allocate nothing; else what they took at last. */
  private static double bytesOfCall(KernelBenchmark benchmark) {
    long[] helpers =
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith("eeve-worker"))
            .mapToLong(Thread::threadId)
            .toArray();
    long start = THREADS.getCurrentThreadCpuTime();
    long bytes;
    do {
      long before = allocated(helpers);
      long own = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < CALLS; i++) {
        benchmark.run();
      }
      bytes = THREADS.getCurrentThreadAllocatedBytes() - own + allocated(helpers) - before;
    } while (bytes != 0 && THREADS.getCurrentThreadCpuTime() - start < PATIENCE_NANOS);
    return bytes / (double) CALLS;
  }

  private static long allocated(long[] threads) {
    long bytes = 0;
    for (long id : threads) {
      bytes += Math.max(0, THREADS.getThreadAllocatedBytes(id));
    }
    return bytes;
  }
}
