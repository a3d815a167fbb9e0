package dev.eeve.cli;

import dev.eeve.training.TrainingPlan;
import dev.eeve.training.TrainingRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code eeve train}. */
@Command(
    name = "train",
    description = "Trains a model as a YAML file says.",
    mixinStandardHelpOptions = true)
final class TrainCommand extends BaseCommand {
  @Parameters(paramLabel = "CONFIG.yaml", description = "Keys named as axolotl names them.")
  private Path file;

  @Option(
      names = "--set",
      paramLabel = "key=value",
      description = "A key that replaces the file's; a dot leads into a map.")
  private List<String> overrides = new ArrayList<>();

  @Option(names = "--resume", description = "Go on from output_dir's checkpoint.")
  private boolean resume;

  @Option(names = "--overwrite", description = "Start again over what output_dir holds.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    if (resume && overwrite) {
      throw new UsageException("--resume: given with --overwrite; choose one of them");
    }
    TrainingRun.Existing existing =
        resume
            ? TrainingRun.Existing.RESUME
            : overwrite ? TrainingRun.Existing.OVERWRITE : TrainingRun.Existing.REFUSE;
    List<TrainingPlan> plans = TrainingFile.plans(file, overrides);
    try (TrainingLines lines = new TrainingLines(console)) {
      return train(plans, existing, lines);
    }
  }

  private int train(List<TrainingPlan> plans, TrainingRun.Existing existing, TrainingLines lines)
      throws IOException {
    TrainingRun run = new TrainingRun(plans, existing, options("auto").threads(), lines);
    CountDownLatch done = new CountDownLatch(1); // not this thread's end: it waits in System.exit
    Thread atExit =
        new Thread(
            () -> {
              run.stop(); // SIGTERM: the update at hand ends and a checkpoint is saved
              try {
                done.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "eeve-save-on-exit");
    Runtime.getRuntime().addShutdownHook(atExit);
    try {
      if (!run.run()) {
        return 1;
      }
      Path folder = plans.getFirst().outputDir();
      lines.message(TrainingPicture.draw(folder) + ": loss and learning rate");
      output.line(folder.toString());
      return 0;
    } finally {
      done.countDown();
      leave(atExit);
    }
  }

  private static void leave(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // the JVM is ending: the hook is what waits for this thread
    }
  }
}
