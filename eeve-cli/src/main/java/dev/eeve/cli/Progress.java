package dev.eeve.cli;

import java.io.PrintStream;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;
import me.tongfei.progressbar.ProgressState;

/**
 * One line on a terminal that shows how far a job has come, a bar for each of its steps; it leaves
 * no trace. Bytes come with their rate and the time left.
 */
final class Progress implements AutoCloseable {
  /** Fits a terminal of 80; asking for its width takes native code. */
  private static final int WIDTH = 79;

  private static final int STEP_MILLIS = 100;

  /** A bar's columns at least, beside however many words. */
  private static final int MIN_BAR = 10;

  /** Less is done before anybody has read it; so is what is counted in rounds or files. */
  private static final long MIN_BYTES = 1 << 20;

  private static final String CLEAR = "\r\u001b[K";

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

  /** The same with a few words after the bar, which also say how long it takes. */
  synchronized void update(String now, long done, long total, String note) {
    if (!shown) {
      return;
    }
    if (!now.equals(step)) {
      close();
      step = now;
      bar = bar(total, !note.isEmpty());
    }
    bar.maxHint(total);
    bar.setExtraMessage(note);
    bar.stepTo(done);
  }

  /** Prints a line; a bar that is there goes on below it. */
  synchronized void above(String line) {
    err.print((bar == null ? "" : CLEAR) + line + "\n");
    if (bar != null) {
      bar.refresh();
    }
  }

  private ProgressBar bar(long total, boolean noted) {
    ProgressBarBuilder builder =
        new ProgressBarBuilder()
            .setTaskName(step)
            .setInitialMax(total)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(STEP_MILLIS)
            .setConsumer(new Line(err));
    if (noted) {
      return builder.setRenderer(Progress::noted).build();
    }
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

  /** What has been counted and the note; the bar has the columns that are left. */
  private static String noted(ProgressState state, int width) {
    String words =
        "] %d/%d, %s".formatted(state.getCurrent(), state.getMax(), state.getExtraMessage());
    int columns = Math.max(MIN_BAR, width - state.getTaskName().length() - 2 - words.length());
    int done = (int) (columns * state.getNormalizedProgress());
    String line =
        state.getTaskName() + " [" + "=".repeat(done) + " ".repeat(columns - done) + words;
    return line.substring(0, Math.min(width, line.length()));
  }

  private static void draw(PrintStream err, String line) {
    err.print(CLEAR + line);
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
