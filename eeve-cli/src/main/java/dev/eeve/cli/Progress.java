package dev.eeve.cli;

import java.io.PrintStream;
import java.util.Locale;

/**
 * One line on a terminal that shows how far a job has come, and leaves no trace. Of our own, since
 * the libraries for it bring native code for a line of text.
 */
final class Progress implements AutoCloseable {
  private static final long STEP_NANOS = 100_000_000;
  private static final int WIDTH = 30;

  private final PrintStream err;
  private final boolean shown;
  private String what;
  private int width;
  private long last = System.nanoTime();
  private boolean drawn;

  Progress(Console console, String what) {
    this.err = console.err();
    this.shown = console.progress();
    this.what = what;
  }

  /** Any thread; draws at most ten times a second. */
  synchronized void update(long done, long total) {
    long now = System.nanoTime();
    if (!shown || now - last < STEP_NANOS) {
      return;
    }
    last = now;
    drawn = true;
    double share = total <= 0 ? 1 : Math.clamp((double) done / total, 0, 1);
    int full = (int) (share * WIDTH);
    String line =
        String.format(
            Locale.ROOT,
            "%s [%s%s] %3.0f %%",
            what,
            "=".repeat(full),
            " ".repeat(WIDTH - full),
            100 * share);
    err.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
    err.flush();
    width = Math.max(width, line.length());
  }

  /** The same with other words before the bar. */
  synchronized void update(String now, long done, long total) {
    what = now;
    update(done, total);
  }

  /** Clears the line. */
  @Override
  public synchronized void close() {
    if (drawn) {
      drawn = false;
      err.print("\r" + " ".repeat(width) + "\r");
      err.flush();
    }
  }
}
