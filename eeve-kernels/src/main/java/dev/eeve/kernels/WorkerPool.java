package dev.eeve.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads that kernels run on. A pool of n threads keeps n − 1 of its own: the caller of a
 * kernel takes part in its own call. Results do not depend on the number of threads.
 *
 * <p>Several callers may use one pool at once, each through {@link Workers} of its own.
 */
public final class WorkerPool implements AutoCloseable {
  /** How long an idle thread looks for work before it sleeps: about the gap between two kernels. */
  static final long SPIN_NANOS = 50_000;

  private final List<Worker> threads = new ArrayList<>();
  private volatile Workers[] callers = {};
  private volatile boolean closed;

  /**
   * Starts a pool.
   *
   * @param threads threads that share one kernel call, the caller included; at least 1
   */
  public WorkerPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads: " + threads + ", needed at least 1");
    }
    for (int i = 1; i < threads; i++) {
      Worker worker = new Worker("eeve-worker-" + i);
      this.threads.add(worker);
      worker.start();
    }
  }

  /**
   * Threads of one kernel call.
   *
   * @return the number, the caller included
   */
  public int threads() {
    return threads.size() + 1;
  }

  /**
   * A new caller's handle, with default block sizes.
   *
   * @return the handle; close it when its caller is done
   */
  public Workers workers() {
    return workers(Blocking.defaults());
  }

  /**
   * A new caller's handle.
   *
   * @param blocking block sizes its calls use
   * @return the handle; close it when its caller is done
   */
  public synchronized Workers workers(Blocking blocking) {
    if (closed) {
      throw new IllegalStateException("the worker pool is closed");
    }
    Workers added = new Workers(this, blocking);
    Workers[] more = new Workers[callers.length + 1];
    System.arraycopy(callers, 0, more, 0, callers.length);
    more[callers.length] = added;
    callers = more;
    return added;
  }

  synchronized void remove(Workers caller) {
    List<Workers> rest = new ArrayList<>(List.of(callers));
    rest.remove(caller);
    callers = rest.toArray(Workers[]::new);
  }

  /** Wakes sleeping threads for {@code units} of newly posted work. */
  void wake(int units) {
    int wanted = units - 1;
    for (int i = 0; i < threads.size() && wanted > 0; i++, wanted--) {
      Worker worker = threads.get(i);
      if (worker.sleeping) {
        LockSupport.unpark(worker);
      }
    }
  }

  /** Ends the pool's threads once they have finished what they hold. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    threads.forEach(LockSupport::unpark);
    boolean interrupted = false;
    for (Worker thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) { // the threads end by themselves; keep the flag
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Worker extends Thread {
    private final Scratch scratch = new Scratch();
    private volatile boolean sleeping;

    Worker(String name) {
      super(name);
      setDaemon(true);
    }

    @Override
    public void run() {
      long patience = System.nanoTime() + SPIN_NANOS;
      while (!closed) {
        if (helpSomeone()) {
          patience = System.nanoTime() + SPIN_NANOS;
        } else if (System.nanoTime() < patience) {
          Thread.onSpinWait();
        } else {
          sleep();
          patience = System.nanoTime() + SPIN_NANOS;
        }
      }
      scratch.close();
    }

    private boolean helpSomeone() {
      boolean helped = false;
      for (Workers caller : callers) {
        Job job = caller.posted;
        if (job != null && job.hasUnclaimed()) {
          job.help(scratch);
          helped = true;
        }
      }
      return helped;
    }

    private void sleep() {
      sleeping = true;
      if (!closed && !helpSomeone()) { // a job posted just before is seen here
        LockSupport.park(this);
      }
      sleeping = false;
    }
  }
}
