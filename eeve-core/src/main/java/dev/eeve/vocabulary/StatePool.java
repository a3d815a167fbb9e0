package dev.eeve.vocabulary;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;

/**
 * Threads that take work in portions, each with a state of its own to add to. Which state meets
 * which portion is left to chance, so states must be sums.
 */
final class StatePool<S> implements AutoCloseable {
  /** A portion of work. */
  @FunctionalInterface
  interface Task<S> {
    void run(S state) throws IOException;
  }

  private final ExecutorService threads;
  private final int maxWaiting;
  private final Deque<Future<?>> running = new ArrayDeque<>();
  private final Deque<S> idle = new ConcurrentLinkedDeque<>();
  private final List<S> states = new ArrayList<>();

  StatePool(int threads, Supplier<S> make) {
    this.threads = Executors.newFixedThreadPool(threads);
    maxWaiting = threads * 2;
    for (int i = 0; i < threads; i++) {
      states.add(make.get());
    }
    idle.addAll(states);
  }

  /** Hands on a portion; waits while enough are on their way. Failures come up in order. */
  void submit(Task<S> task) throws IOException {
    if (running.size() >= maxWaiting) {
      await(running.poll());
    }
    running.add(
        threads.submit(
            () -> {
              S state = idle.poll();
              try {
                task.run(state);
              } finally {
                idle.add(state);
              }
              return null;
            }));
  }

  /** Waits for all portions; returns the states. */
  List<S> finish() throws IOException {
    while (!running.isEmpty()) {
      await(running.poll());
    }
    return states;
  }

  private static void await(Future<?> future) throws IOException {
    try {
      future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while counting; what is finished is kept", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException failure -> throw failure;
        case RuntimeException failure -> throw failure;
        case Error failure -> throw failure;
        default -> throw new IllegalStateException(e.getCause());
      }
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
    threads.close();
  }
}
