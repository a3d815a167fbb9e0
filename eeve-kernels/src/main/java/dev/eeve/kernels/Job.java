package dev.eeve.kernels;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Work of one kernel call, cut into fixed units that threads claim in any order: which thread runs
 * a unit never changes its result. A job is reused call after call, so that calls allocate nothing.
 */
abstract class Job {
  /** Longs from one thread's part to the next: a cache line each. */
  private static final int APART = 16;

  /**
   * One part of the units a thread, neighbours together, so that a thread reads weights on and on:
   * a part's end in the upper half, its next unclaimed unit in the lower. A late claim can't mix
   * two calls.
   */
  private AtomicLongArray claims = new AtomicLongArray(0);

  private final AtomicInteger unfinished = new AtomicInteger();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile Thread waiting;

  /** Runs one unit; {@code scratch} belongs to the running thread. */
  abstract void run(int unit, Scratch scratch);

  /** Opens the units to claims; the job's inputs are set before. */
  final void open(int units, int threads) {
    if (claims.length() < threads * APART) {
      claims = new AtomicLongArray(threads * APART);
    }
    unfinished.set(units);
    for (int part = 0; part < threads; part++) {
      long first = (long) units * part / threads;
      long end = (long) units * (part + 1) / threads;
      claims.set(part * APART, end << 32 | first);
    }
  }

  final boolean hasUnclaimed() {
    for (int at = 0; at < claims.length(); at += APART) {
      if (hasUnclaimed(at)) {
        return true;
      }
    }
    return false;
  }

  private boolean hasUnclaimed(int at) {
    long now = claims.get(at);
    return (int) now < (int) (now >>> 32);
  }

  /**
   * Claims and runs units until none is left: those of its own part, then the others'.
   *
   * @param thread the running one's number, 0 for the caller
   */
  final void help(int thread, Scratch scratch) {
    int parts = claims.length() / APART;
    for (int i = 0; i < parts; i++) {
      int at = (thread + i) % parts * APART;
      while (hasUnclaimed(at)) {
        long claim = claims.getAndIncrement(at);
        if ((int) claim < (int) (claim >>> 32)) {
          runClaimed((int) claim, scratch);
        }
      }
    }
  }

  private void runClaimed(int unit, Scratch scratch) {
    try {
      run(unit, scratch);
    } catch (Throwable e) { // handed to the caller in await
      failure.compareAndSet(null, e);
    }
    if (unfinished.decrementAndGet() == 0) {
      LockSupport.unpark(waiting);
    }
  }

  /** Waits until every unit has run; throws what the first failing one threw. */
  final void await() {
    long patience = System.nanoTime() + WorkerPool.SPIN_NANOS;
    while (unfinished.get() != 0) {
      if (System.nanoTime() < patience) {
        Thread.onSpinWait();
      } else {
        waiting = Thread.currentThread();
        if (unfinished.get() != 0) {
          LockSupport.park(this);
        }
      }
    }
    waiting = null;
    if (failure.get() != null) {
      switch (failure.getAndSet(null)) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        case Throwable e -> throw new IllegalStateException(e);
      }
    }
  }
}
