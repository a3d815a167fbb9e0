package dev.eeve.cli;

import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** One line on stderr that says how far a run is, with rate and time left; on a terminal only. */
final class ProgressLine implements AutoCloseable {
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final boolean shown;
  private final String command;
  private String step = "";
  private long stepStart;
  private long last;
  private boolean written;

  private ProgressLine(String command, boolean shown) {
    this.command = command;
    this.shown = shown;
  }

  static ProgressLine onTerminal(String command) {
    boolean terminal = System.console() != null && System.console().isTerminal();
    return new ProgressLine(command, terminal);
  }

  void update(String now, long done, long total) {
    long time = System.nanoTime();
    if (!now.equals(step)) {
      step = now;
      stepStart = time;
      last = 0;
    }
    if (!shown || last != 0 && time - last < PAUSE_NANOS && done < total) {
      return;
    }
    last = time;
    written = true;
    System.err.print("\r\u001b[K" + text(command, step, done, total, (time - stepStart) / 1e9));
  }

  static String text(String command, String step, long done, long total, double seconds) {
    int bar = total == 0 ? 0 : (int) (20 * done / total);
    String line =
        "eeve %s: %s [%s%s] %d%%"
            .formatted(
                command,
                step,
                "=".repeat(bar),
                " ".repeat(20 - bar),
                total == 0 ? 0 : 100 * done / total);
    if (total < 1 << 20 || done == 0 || seconds < 0.5) {
      return line;
    }
    double rate = done / seconds;
    return line
        + String.format(Locale.ROOT, " %.1f MB/s, %.0f s left", rate / 1e6, (total - done) / rate);
  }

  @Override
  public void close() {
    if (written) {
      System.err.print("\r\u001b[K");
      written = false;
    }
  }
}
