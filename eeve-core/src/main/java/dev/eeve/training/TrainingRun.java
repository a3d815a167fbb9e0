package dev.eeve.training;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.adapter.MergedFolder;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.CompanionFiles;
import dev.eeve.checkpoint.DType;
import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.StrictJson;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Runs the stages of a configuration from files to files. Each stage starts from the folder that
 * the one before wrote, so that {@code stages: [1, 2]} equals two runs bit for bit.
 */
public final class TrainingRun {
  /** Where a stage's adapter goes, beside the model it was merged into. */
  private static final String ADAPTER = "adapter";

  /** What to do with an output folder that holds something. */
  public enum Existing {
    /** Stop with an error. */
    REFUSE,
    /** Go on from its checkpoint. */
    RESUME,
    /** Start again over it. */
    OVERWRITE
  }

  /** Is told what happens; called on the running thread. */
  public interface Listener {
    /**
     * A sentence for the user.
     *
     * @param text one line
     */
    void message(String text);

    /**
     * An update is done.
     *
     * @param plan its stage
     * @param maxSteps updates of the stage
     * @param step the update
     * @param valLoss the loss on {@code val_set}, where it was measured
     */
    void step(TrainingPlan plan, int maxSteps, TrainingStep step, OptionalDouble valLoss);
  }

  private final List<TrainingPlan> plans;
  private final Existing existing;
  private final int threads;
  private final Listener listener;
  private final Path output;
  private volatile boolean stopping;

  /**
   * Prepares a run; no file is touched yet.
   *
   * @param plans the stages, as {@link TrainingPlan#parse} gives them
   * @param existing what to do with an output folder that holds something
   * @param threads threads that share one computation
   * @param listener is told what happens
   */
  public TrainingRun(List<TrainingPlan> plans, Existing existing, int threads, Listener listener) {
    this.plans = List.copyOf(plans);
    this.existing = existing;
    this.threads = threads;
    this.listener = listener;
    this.output = plans.getFirst().outputDir();
  }

  /** Asks a run on another thread to save a checkpoint after its present update and return. */
  public void stop() {
    stopping = true;
  }

  /**
   * Runs all stages.
   *
   * @return whether they are done; false after {@link #stop}
   * @throws IOException names the file that is missing, broken or cannot be written
   * @throws ArithmeticException where a loss or gradient is not finite
   */
  public boolean run() throws IOException {
    plans.getFirst().warnings().forEach(listener::message);
    boolean resumes = prepareOutput();
    boolean several = plans.size() > 1;
    Optional<Path> base = plans.getFirst().baseModel();
    for (int i = 0; i < plans.size(); i++) {
      TrainingPlan plan = plans.get(i);
      Path stageFolder = stageFolder(plan);
      if (several && resumes && Files.isDirectory(stageFolder)) {
        StageSettings.requireSame(stageFolder, plan);
        listener.message(stageFolder + ": done before");
      } else {
        boolean last = i == plans.size() - 1;
        StageBase start = StageBase.of(plan, base);
        TrainingInputs inputs = TrainingInputs.read(plan, start);
        TrainingMemory.require(inputs.memory(plan, start, threads), plan.config());
        if (i == 0 && existing == Existing.OVERWRITE) {
          clear();
        }
        inputs.describeBias(plan).ifPresent(listener::message);
        describeKept(plan, start).ifPresent(listener::message);
        try (PhiModel model = start.open(plan, inputs.trainable(), threads)) {
          if (!runStage(plan, i, model, start, inputs, resumes, several, last)) {
            return false;
          }
        }
      }
      base = Optional.of(stageFolder);
    }
    return true;
  }

  /** What cannot be quantized beside qlora, in a sentence. */
  private static Optional<String> describeKept(TrainingPlan plan, StageBase base) {
    List<Map.Entry<String, ElementType>> others =
        base.kept(plan).matrices().entrySet().stream()
            .filter(entry -> entry.getKey().startsWith("model.layers."))
            .filter(entry -> plan.quantized().isPresent())
            .filter(entry -> entry.getValue().blocks().isEmpty())
            .toList();
    return others.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "%d matrices stay %s: their rows are no multiple of 32 elements; the first is %s"
                .formatted(
                    others.size(), others.getFirst().getValue(), others.getFirst().getKey()));
  }

  private Path stageFolder(TrainingPlan plan) {
    return output.resolve("stage-" + plan.stage().map(EeveStage::number).orElse(0));
  }

  /** Whether there is something to go on from. */
  private boolean prepareOutput() throws IOException {
    if (Files.exists(output) && !Files.isDirectory(output)) {
      throw new IOException(output + ": a file, needed a folder for output_dir");
    }
    Files.createDirectories(output);
    boolean empty;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(output)) {
      empty = !entries.iterator().hasNext();
    }
    if (empty) {
      if (existing == Existing.RESUME) {
        listener.message(output + ": no checkpoint, starting at step 0");
      }
      return false;
    }
    return switch (existing) {
      case REFUSE ->
          throw new IllegalArgumentException(
              "output_dir: "
                  + output
                  + " is not empty, needed an empty folder; pass --resume or --overwrite");
      case RESUME -> {
        deleteLeftovers();
        yield true;
      }
      case OVERWRITE -> false;
    };
  }

  /** What a run before left; only once this one is known to have all it needs. */
  private void clear() throws IOException {
    deleteLeftovers();
    TrainingCheckpoint.deleteFolder(checkpoint());
    TrainingCheckpoint.find(checkpoint()).ifPresent(found -> {});
    TrainingCheckpoint.deleteFolder(checkpoint());
    TrainingCheckpoint.deleteFolder(output.resolve(ADAPTER));
    Files.deleteIfExists(metrics());
    for (TrainingPlan plan : plans) {
      TrainingCheckpoint.deleteFolder(stageFolder(plan));
    }
  }

  /** Files and folders that a killed run was still writing. */
  private void deleteLeftovers() throws IOException {
    try (DirectoryStream<Path> partial = Files.newDirectoryStream(output, ".*.partial")) {
      for (Path left : partial) {
        if (Files.isDirectory(left)) {
          TrainingCheckpoint.deleteFolder(left);
        } else {
          Files.deleteIfExists(left);
        }
      }
    }
  }

  private Path checkpoint() {
    return output.resolve("checkpoint");
  }

  private Path metrics() {
    return output.resolve("metrics.jsonl");
  }

  private boolean runStage(
      TrainingPlan plan,
      int index,
      PhiModel model,
      StageBase base,
      TrainingInputs inputs,
      boolean resumes,
      boolean several,
      boolean last)
      throws IOException {
    Map<String, String> fingerprint = inputs.fingerprint(plan, index, base.type(), model);
    MetricsFile lines = new MetricsFile(metrics());
    try (Trainer trainer =
        Trainer.of(
            model,
            inputs.trainable(),
            inputs.data(),
            plan.config(),
            inputs.newTokens(),
            inputs.labels(),
            inputs.batch(plan),
            threads)) {
      if (resumes) {
        Optional<Path> found = TrainingCheckpoint.find(checkpoint());
        boolean own = found.isPresent() && position(found.get(), index) == index;
        if (own) {
          TrainingCheckpoint.read(found.get(), trainer, fingerprint);
        }
        lines.cut(index, plan.stage().map(EeveStage::number).orElse(0), trainer.steps());
        listener.message(
            (own
                    ? found.get() + ": resuming at step "
                    : output + ": no checkpoint of this stage," + " starting at step ")
                + trainer.steps());
      }
      if (!updates(plan, trainer, inputs, lines, fingerprint)) {
        return false;
      }
      if (plan.adapter().isPresent()) {
        boolean merges = plan.stage().isPresent();
        String name = plan.baseModel().orElseThrow().toString();
        trainer.saveAdapter(merges ? output.resolve(ADAPTER) : output, name);
        if (!merges) {
          return true;
        }
      }
      TrainedModelFolder.Options options = options(plan, model, base);
      Path folder = stageFolder(plan);
      Path partial = output.resolve("." + folder.getFileName() + ".partial");
      if (several) {
        TrainingCheckpoint.deleteFolder(partial);
        write(partial, plan, base, trainer, options);
        StageSettings.write(partial, plan);
      }
      if (last) { // before the stage counts as done
        write(output, plan, base, trainer, options);
      }
      if (several) {
        Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
        AtomicFile.forceFolder(folder);
      }
      return true;
    }
  }

  /** The stage a checkpoint is of: this one, or one before it. */
  private static int position(Path checkpoint, int index) throws IOException {
    int position =
        TrainingCheckpoint.state(checkpoint)
            .path("fingerprint")
            .path("position in stages")
            .asInt(-1);
    if (position > index) {
      throw new CheckpointException(
          checkpoint,
          "of stage %d in turn, this run is at %d; resume with the stages it was made with"
              .formatted(position + 1, index + 1));
    }
    return position;
  }

  private boolean updates(
      TrainingPlan plan,
      Trainer trainer,
      TrainingInputs inputs,
      MetricsFile lines,
      Map<String, String> fingerprint)
      throws IOException {
    int stage = plan.stage().map(EeveStage::number).orElse(0);
    while (!trainer.isFinished()) {
      TrainingStep step = trainer.step();
      boolean end = trainer.isFinished();
      boolean measures =
          inputs.validation().isPresent()
              && (end || plan.evalSteps() > 0 && step.step() % plan.evalSteps() == 0);
      OptionalDouble valLoss =
          measures
              ? OptionalDouble.of(trainer.evaluate(inputs.validation().get()))
              : OptionalDouble.empty();
      if (end || measures || step.step() % plan.loggingSteps() == 0) {
        lines.add(stage, step, valLoss);
      }
      listener.step(plan, trainer.maxSteps(), step, valLoss);
      boolean stops = stopping && !end;
      if (stops || plan.saveSteps() > 0 && step.step() % plan.saveSteps() == 0) {
        TrainingCheckpoint.write(checkpoint(), trainer, fingerprint);
      }
      if (stops) {
        listener.message(checkpoint() + ": saved at step " + step.step() + "; go on with --resume");
        return false;
      }
    }
    return true;
  }

  /** The model that a stage ends with; an adapter is merged into the base's own files. */
  private void write(
      Path folder,
      TrainingPlan plan,
      StageBase base,
      Trainer trainer,
      TrainedModelFolder.Options options)
      throws IOException {
    if (plan.adapter().isEmpty()) {
      TrainedModelFolder.write(folder, trainer.model(), options);
      return;
    }
    MergedFolder.write(
        base.path().orElseThrow(),
        base.config().dimensions(),
        List.of(trainer.model().adapter()),
        folder,
        type -> plan.saveDtype().map(t -> DType.valueOf(t.name())).orElse(type),
        options.files(),
        threads);
  }

  private static TrainedModelFolder.Options options(
      TrainingPlan plan, PhiModel model, StageBase base) throws IOException {
    Optional<Path> folder = base.path();
    TrainedModelFolder.Options plain = TrainedModelFolder.Options.of(model, base.type());
    Map<String, ElementType> types =
        folder.isPresent() ? base.types() : new LinkedHashMap<>(plain.types());
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put(
        "config.json",
        folder.isPresent()
            ? Files.readAllBytes(folder.get().resolve("config.json"))
            : plain.files().get("config.json"));
    if (plan.saveDtype().isPresent()) {
      types.replaceAll((name, type) -> plan.saveDtype().get());
      files.put("config.json", withType(files.get("config.json"), plan.saveDtype().get()));
    }
    if (folder.isPresent()) {
      files.putAll(CompanionFiles.read(folder.get()));
    }
    if (plan.tokenizer().isPresent()) {
      files.put("tokenizer.json", Files.readAllBytes(plan.tokenizer().get()));
    }
    return new TrainedModelFolder.Options(types, plan.saveRounding(), plan.config().seed(), files);
  }

  private static byte[] withType(byte[] config, ElementType type) throws IOException {
    ObjectNode root = (ObjectNode) StrictJson.parse("config.json", config);
    String name =
        switch (type) {
          case F32 -> "float32";
          case F16 -> "float16";
          case BF16 -> "bfloat16";
          case Q8_0, Q4_0 -> throw new IllegalArgumentException("save_dtype: " + type);
        };
    root.put(root.has("dtype") ? "dtype" : "torch_dtype", name);
    return StrictJson.MAPPER.writer(StrictJson.INDENTED).writeValueAsBytes(root);
  }
}
