package dev.eeve.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.eeve.training.TrainingPlan;
import dev.eeve.training.TrainingRun;
import dev.eeve.training.TrainingStep;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code eeve train}. */
@Command(
    name = "train",
    description = "Trains a model as a YAML file says.",
    mixinStandardHelpOptions = true)
final class TrainCommand extends BaseCommand {
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

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
    List<TrainingPlan> plans;
    try {
      plans = TrainingPlan.parse(settings());
    } catch (IllegalArgumentException e) {
      throw new UsageException(file + ": " + e.getMessage());
    }
    TrainingRun run = new TrainingRun(plans, existing, options("auto").threads(), new Lines());
    Thread running = Thread.currentThread();
    Thread atExit =
        new Thread(
            () -> {
              run.stop(); // SIGTERM: the update at hand ends and a checkpoint is saved
              try {
                running.join();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "eeve-save-on-exit");
    Runtime.getRuntime().addShutdownHook(atExit);
    try {
      if (run.run()) {
        output.line(plans.getFirst().outputDir().toString());
        return 0;
      }
      return 1;
    } finally {
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

  private Map<String, Object> settings() throws IOException {
    Map<String, Object> settings;
    try {
      settings = YAML.readValue(TextFiles.read(file), new TypeReference<>() {});
    } catch (JsonProcessingException e) {
      String at = e.getLocation() == null ? "" : ": line " + e.getLocation().getLineNr();
      throw new IOException(
          file + at + ": " + e.getOriginalMessage().lines().findFirst().orElse("not YAML"), e);
    }
    if (settings == null) {
      throw new UsageException(file + ": empty, needed keys such as base_model");
    }
    for (String override : overrides) {
      int sign = override.indexOf('=');
      if (sign < 1) {
        throw new UsageException("--set: \"" + override + "\", needed key=value");
      }
      Object value = YAML.readValue(override.substring(sign + 1), Object.class);
      put(settings, override.substring(0, sign), value);
    }
    return settings;
  }

  /** Puts a value under a key; {@code early_stop.window} leads into a map. */
  private static void put(Map<String, Object> settings, String key, Object value) {
    int dot = key.indexOf('.');
    if (dot < 0) {
      settings.put(key, value);
      return;
    }
    Map<String, Object> inner = new LinkedHashMap<>();
    if (settings.get(key.substring(0, dot)) instanceof Map<?, ?> map) {
      map.forEach((name, entry) -> inner.put(name.toString(), entry));
    }
    put(inner, key.substring(dot + 1), value);
    settings.put(key.substring(0, dot), inner);
  }

  /** A line on stderr for each update that is logged. */
  private static final class Lines implements TrainingRun.Listener {
    private long start = System.nanoTime();
    private int done;

    @Override
    public void message(String text) {
      System.err.println("eeve: " + text);
    }

    @Override
    public void step(TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble valLoss) {
      if (step.step() <= done || done == 0) {
        start = System.nanoTime();
        done = 0;
      }
      done++;
      boolean logged =
          step.step() % plan.loggingSteps() == 0 || step.step() == maxSteps || valLoss.isPresent();
      if (!logged) {
        return;
      }
      double perStep = (System.nanoTime() - start) / 1e9 / Math.max(1, done - 1);
      String stage = plan.stage().map(s -> "stage " + s.number() + ", ").orElse("");
      StringBuilder line = new StringBuilder();
      line.append(
          String.format(
              Locale.ROOT,
              "%sstep %d of %d: loss %.4f, lr %.3g, %.0f tokens/s",
              stage,
              step.step(),
              maxSteps,
              step.loss(),
              step.learningRate(),
              step.tokensPerSecond()));
      valLoss.ifPresent(loss -> line.append(String.format(Locale.ROOT, ", val %.4f", loss)));
      if (done > 1 && step.step() < maxSteps) {
        line.append(
            String.format(Locale.ROOT, ", %.0f s left", perStep * (maxSteps - step.step())));
      }
      System.err.println(line);
    }
  }
}
