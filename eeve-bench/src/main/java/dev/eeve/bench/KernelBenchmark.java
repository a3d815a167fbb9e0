package dev.eeve.bench;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What all benchmarks of kernels share: threads, memory, and one check before any timing. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 250, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsPrepend = {"--add-modules", "jdk.incubator.vector"})
public abstract class KernelBenchmark {
  /** Switches the vector kernels off in a fork. */
  static final String SCALAR = "-Ddev.eeve.simd=off";

  SplittableRandom random;
  Arena arena;
  Workers workers;
  private WorkerPool pool;

  /** For JMH. */
  protected KernelBenchmark() {}

  abstract String shape();

  /** Threads that share a call. */
  int threads() {
    return 1;
  }

  /** Block sizes of the kernels. */
  Blocking blocking() {
    return Blocking.defaults();
  }

  /** Makes the inputs; outputs hold NaN. Returns what one call must do. */
  abstract Work prepare(Shape shape);

  /** One call. */
  abstract void run();

  /** Compares some results of the first call with a plain computation. */
  abstract void check();

  /** Whether a call by its nature takes memory from the heap. */
  boolean allocates() {
    return false;
  }

  /** Closes what {@link #prepare} opened, but for memory of the arena. */
  void release() {}

  WorkerPool pool() {
    return pool;
  }

  /** Makes the inputs, calls once and checks the result. */
  @Setup
  public void setUp() {
    random = new SplittableRandom(17);
    arena = Arena.ofShared();
    pool = new WorkerPool(threads());
    workers = pool.workers(blocking());
    Work work = prepare(Shape.of(shape()));
    run();
    check();
    Work.announce(work);
  }

  /** Ends the threads and frees the memory. */
  @TearDown
  public void tearDown() {
    release();
    workers.close();
    pool.close();
    arena.close();
  }

  FloatMatrix input(int rows, int columns) {
    return new FloatMatrix(Check.random(random, rows * columns, 1), 0, rows, columns);
  }

  static FloatMatrix output(int rows, int columns) {
    FloatMatrix out = FloatMatrix.allocate(rows, columns);
    Arrays.fill(out.data(), Float.NaN);
    return out;
  }
}
