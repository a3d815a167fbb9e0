package dev.eeve.training;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The settings that a stage's folder was made with, beside its model. */
final class StageSettings {
  private static final String FILE = "training_settings.json";

  private static final int MAX_BYTES = 1 << 20;

  private StageSettings() {}

  static void write(Path folder, TrainingPlan plan) throws IOException {
    byte[] json =
        StrictJson.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(shared(plan));
    AtomicFile.write(folder.resolve(FILE), json);
  }

  /**
   * Refuses a finished stage of other settings, so that no run is half of each.
   *
   * @throws CheckpointException names what differs
   */
  static void requireSame(Path folder, TrainingPlan plan) throws IOException {
    Path file = folder.resolve(FILE);
    if (Files.exists(file)) { // a version before this one wrote none
      TrainingCheckpoint.requireSame(folder, StrictJson.read(file, MAX_BYTES), shared(plan));
    }
  }

  /** Not where data and base lie, which may have moved. */
  private static Map<String, String> shared(TrainingPlan plan) {
    Map<String, String> settings = new TreeMap<>(plan.settings());
    settings.keySet().removeAll(TrainingPlan.PLACES);
    return settings;
  }
}
