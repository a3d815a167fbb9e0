package dev.eeve.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.FileFailure;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.OptionalDouble;

/** {@code metrics.jsonl}: a line an update, as it is done. */
final class MetricsFile {
  private final Path file;

  MetricsFile(Path file) {
    this.file = file;
  }

  /** Keeps the lines of finished stages and those of this one up to a step; a torn one goes. */
  void cut(int stagesDone, int stage, int step) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    StringBuilder kept = new StringBuilder();
    boolean[] stop = {false};
    int[] last = {-1};
    int[] stages = {-1};
    DocumentLines.forEachLine(
        file,
        (line, place) -> {
          JsonNode root = line.startsWith("{") && line.endsWith("}") ? parsed(line) : null;
          if (root == null || stop[0]) {
            stop[0] = true;
            return;
          }
          int own = root.path("stage").asInt(0);
          if (own != last[0] || stages[0] < 0) {
            last[0] = own;
            stages[0]++;
          }
          if (stages[0] > stagesDone
              || stages[0] == stagesDone && root.path("step").intValue() > step) {
            stop[0] = true;
            return;
          }
          kept.append(line).append('\n');
        });
    AtomicFile.write(file, kept.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static JsonNode parsed(String line) {
    try {
      return StrictJson.parse("metrics", line.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      return null; // a line that a crash cut off
    }
  }

  void add(int stage, TrainingStep step, OptionalDouble valLoss) throws IOException {
    ObjectNode line = StrictJson.MAPPER.createObjectNode();
    line.put("step", step.step());
    if (stage > 0) {
      line.put("stage", stage);
    } else {
      line.putNull("stage");
    }
    line.put("loss", step.loss()).put("learning_rate", step.learningRate());
    line.put("grad_norm", step.gradNorm()).put("tokens", step.tokens());
    line.put("tokens_per_s", step.tokensPerSecond());
    valLoss.ifPresent(loss -> line.put("val_loss", loss));
    byte[] bytes =
        (StrictJson.MAPPER.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
    try {
      Files.write(file, bytes, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw FileFailure.of(file, e);
    }
  }
}
