package dev.eeve.kernels;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Work of one kernel call, cut into fixed units that threads claim in any order: which thread runs
 * a unit never changes its result. A job is reused call after call, so that calls allocate nothing.
 */
abstract class Job {
  /** A thread claims this share of a thread's part of what is left: many at first, at last one. */
  private static final int SHARE = 8;

  /** Units in the upper half, next unclaimed one in the lower: a late claim can't mix two calls. */
  private final AtomicLong claims = new AtomicLong();

  private int share;
  private final AtomicInteger unfinished = new AtomicInteger();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile Thread waiting;

  /** Runs one unit; {@code scratch} belongs to the running thread. */
  abstract void run(int unit, Scratch scratch);

  /** Opens the units to claims; the job's inputs are set before. */
  final void open(int units, int threads) {
    share = SHARE * threads;
    unfinished.set(units);
    claims.set((long) units << 32);
  }

  final boolean hasUnclaimed() {
    long now = claims.get();
    return (int) now < (int) (now >>> 32);
  }

  /**
   * Claims and runs units until none is left. Neighbours go to one thread, whose reads from memory
   * then run on: each claim waits for all that are under way.
   */
  final void help(Scratch scratch) {
    while (hasUnclaimed()) {
      long now = claims.get();
      int run = Math.max(1, ((int) (now >>> 32) - (int) now) / share); // of another call: only slow
      long claim = claims.getAndAdd(run);
      int units = (int) (claim >>> 32);
      int first = (int) claim;
      if (first >= units) {
        return;
      }
      int end = Math.min(units, first + run);
      for (int unit = first; unit < end; unit++) {
        try {
          run(unit, scratch);
        } catch (Throwable e) { // handed to the caller in await
          failure.compareAndSet(null, e);
        }
      }
      if (unfinished.addAndGet(first - end) == 0) {
        LockSupport.unpark(waiting);
      }
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
