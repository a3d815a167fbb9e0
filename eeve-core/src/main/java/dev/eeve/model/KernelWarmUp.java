package dev.eeve.model;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Runs the kernels on a tiny random model while a large one is read, so that the JIT has compiled
 * them when its first token is asked for. Nothing but time depends on it: a kernel gives the same
 * bits interpreted and compiled. One daemon thread and some megabytes; it ends by itself, or soon
 * after {@link #close}.
 */
final class KernelWarmUp implements AutoCloseable {
  /** One layer with phi-2's size of heads; rows are whole blocks. */
  private static final PhiConfig TINY =
      new PhiConfig(
          512,
          320,
          1280,
          1,
          4,
          4,
          0.4,
          10_000,
          1e-5,
          128,
          0,
          0,
          0,
          0.02,
          OptionalInt.empty(),
          List.of(),
          Optional.empty());

  /** Tokens of a prompt for tiles of many rows, of one for few, and single steps. */
  private static final int MANY = 48;

  private static final int FEW = 8;
  private static final int STEPS = 48;

  /** From here on the JIT has seen each kernel often enough. */
  private static final int ROUNDS = 12;

  private final Thread thread;
  private volatile boolean closed;

  private KernelWarmUp(ElementType type) {
    thread = Thread.ofPlatform().daemon().name("eeve-warm-up").unstarted(() -> run(type));
  }

  /** Starts the kernels of one type of weights. */
  static KernelWarmUp start(ElementType type) {
    KernelWarmUp warmUp = new KernelWarmUp(type);
    warmUp.thread.start();
    return warmUp;
  }

  private void run(ElementType type) {
    int[] ids = new int[TINY.maxPositionEmbeddings()];
    try (PhiModel model = PhiModel.random(TINY, type, 1, 1);
        WorkerPool pool = new WorkerPool(1);
        Session session = new Session(model, pool, Blocking.defaults(), ids.length)) {
      for (int round = 0; round < ROUNDS && !closed; round++) {
        session.rewind(0);
        session.append(ids, 0, MANY);
        session.append(ids, MANY, MANY + FEW);
        for (int at = MANY + FEW; at < MANY + FEW + STEPS && !closed; at++) {
          session.append(ids, at, at + 1);
          session.logits();
        }
      }
    }
  }

  /** Waits for the end of its rounds. */
  void await() throws InterruptedException {
    thread.join();
  }

  /** Ends it after its present step; does not wait for that. */
  @Override
  public void close() {
    closed = true;
  }
}
