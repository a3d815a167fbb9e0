package dev.eeve.model;

/** Lets steps run on a model while it is open, and its close wait for those that run. */
public final class ModelGate {
  private int running;
  private boolean closed;

  /** A gate that is open. */
  public ModelGate() {}

  /**
   * Begins a step.
   *
   * @return whether the model is open; if so {@link #leave} must follow
   */
  public synchronized boolean enter() {
    if (closed) {
      return false;
    }
    running++;
    return true;
  }

  /** Ends a step. */
  public synchronized void leave() {
    running--;
    notifyAll();
  }

  /**
   * Refuses new steps and waits for those that run.
   *
   * @return whether this call closed the gate
   */
  public synchronized boolean close() {
    boolean first = !closed;
    closed = true;
    boolean interrupted = false;
    while (running > 0) {
      try {
        wait();
      } catch (InterruptedException e) { // memory is in use until they end; keep the flag
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return first;
  }
}
