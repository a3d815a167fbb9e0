package dev.eeve.cli;

import dev.eeve.training.TrainingPlan;
import dev.eeve.training.TrainingRun;
import dev.eeve.training.TrainingStep;
import java.util.Locale;
import java.util.OptionalDouble;

/** A line on stderr for each update that is logged, and on a terminal a bar for the stage. */
final class TrainingLines implements TrainingRun.Listener, AutoCloseable {
  private static final double NANOS = 1e9;

  private final Progress bar;
  private String name = "";
  private long start;
  private int first;

  TrainingLines(Console console) {
    this.bar = new Progress(console);
  }

  @Override
  public void message(String text) {
    bar.above("eeve: " + text);
  }

  @Override
  public void step(TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble valLoss) {
    String stage = plan.stage().map(s -> "stage " + s.number()).orElse("training");
    if (!stage.equals(name)) {
      name = stage;
      first = step.step();
      start = System.nanoTime();
    }
    boolean last = step.step() == maxSteps;
    String left =
        last || step.step() == first ? "" : ", " + left(secondsLeft(maxSteps, step)) + " left";
    if (step.step() % plan.loggingSteps() == 0 || last || valLoss.isPresent()) {
      bar.above(text(maxSteps, step, valLoss) + left);
    }
    if (last) {
      close();
    } else {
      String note = "loss %.3f, %.0f tokens/s%s";
      bar.update(
          name,
          step.step(),
          maxSteps,
          String.format(Locale.ROOT, note, step.loss(), step.tokensPerSecond(), left));
    }
  }

  private String text(int maxSteps, TrainingStep step, OptionalDouble valLoss) {
    String line =
        String.format(
            Locale.ROOT,
            "%s, step %d of %d: loss %.4f, lr %.3g, %.0f tokens/s",
            name,
            step.step(),
            maxSteps,
            step.loss(),
            step.learningRate(),
            step.tokensPerSecond());
    return valLoss.isPresent()
        ? line + String.format(Locale.ROOT, ", val %.4f", valLoss.getAsDouble())
        : line;
  }

  /** As 9 s, 2:36 or 1:02:36. */
  private static String left(long seconds) {
    if (seconds < 60) {
      return seconds + " s";
    }
    long minutes = seconds / 60;
    return seconds < 3600
        ? "%d:%02d".formatted(minutes, seconds % 60)
        : "%d:%02d:%02d".formatted(minutes / 60, minutes % 60, seconds % 60);
  }

  private long secondsLeft(int maxSteps, TrainingStep step) {
    double perStep = (System.nanoTime() - start) / NANOS / (step.step() - first);
    return Math.round(perStep * (maxSteps - step.step()));
  }

  /** Takes the bar off the terminal. */
  @Override
  public void close() {
    bar.close();
  }
}
