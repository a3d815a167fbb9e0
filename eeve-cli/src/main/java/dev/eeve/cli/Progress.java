package dev.eeve.cli;

import java.io.PrintStream;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * One line on a terminal that shows how far a job has come, a bar for each of its steps; it leaves
 * no trace. Bytes come with their rate and the time left.
 */
final class Progress implements AutoCloseable {
  /** Fits a terminal of 80; asking for its width takes native code. */
  private static final int WIDTH = 79;

  private static final int STEP_MILLIS = 100;

  /** Less is done before anybody has read it; so is what is counted in rounds or files. */
  private static final long MIN_BYTES = 1 << 20;

  private final PrintStream err;
  private final boolean shown;
  private String step;
  private ProgressBar bar;

  Progress(Console console) {
    this.err = console.err();
    this.shown = console.progress();
  }

  /** Any thread. */
  void update(String now, long done, long total) {
    update(now, done, total, "");
  }

  /** The same with a few words after the bar. */
  synchronized void update(String now, long done, long total, String note) {
    if (!shown) {
      return;
    }
    if (!now.equals(step)) {
      close();
      step = now;
      bar = bar(total);
    }
    bar.maxHint(total);
    bar.setExtraMessage(note);
    bar.stepTo(done);
  }

  private ProgressBar bar(long total) {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(step)
            .setInitialMax(total)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(STEP_MILLIS)
            .setConsumer(new Line(err));
    return total < MIN_BYTES
        ? builder.build()
        : builder.setUnit(" MB", 1_000_000).showSpeed().build();
  }

  /** Clears the line. */
  @Override
  public synchronized void close() {
    if (bar != null) {
      bar.close(); // draws for the last time
      bar = null;
      step = null;
      draw(err, "");
    }
  }

  private static void draw(PrintStream err, String line) {
    err.print("\r\u001b[K" + line);
    err.flush();
  }

  /** Draws over one line. */
  private record Line(PrintStream err) implements ProgressBarConsumer {
    @Override
    public int getMaxRenderedLength() {
      return WIDTH;
    }

    @Override
    public void accept(String rendered) {
      draw(err, rendered);
    }

    @Override
    public void close() {
      // the stream stays open
    }
  }
}
