package dev.eeve.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * A stage's whole state in a folder: masters and moments in {@code tensors.safetensors}, the rest
 * with checksums of both files in {@code state.json}. A resumed stage ends with the bits of one
 * that was never interrupted. The folder appears by a rename: killed at any moment, the newest
 * whole one is found again.
 */
final class TrainingCheckpoint {
  private static final int FORMAT = 1;
  private static final int MAX_STATE_BYTES = 64 << 20;
  private static final long STRIP_BYTES = 4L << 20;
  private static final String TENSORS = "tensors.safetensors";
  private static final String STATE = "state.json";

  private TrainingCheckpoint() {}

  /**
   * Writes a checkpoint in the place of an older one.
   *
   * @param folder its place
   * @param trainer between updates
   * @param fingerprint what a resumed run must share, by its name
   */
  static void write(Path folder, Trainer trainer, Map<String, String> fingerprint)
      throws IOException {
    Path partial = folder.resolveSibling("." + folder.getFileName() + ".partial");
    deleteFolder(partial);
    Files.createDirectories(partial);
    ObjectNode payload = StrictJson.MAPPER.createObjectNode();
    payload.put("format", FORMAT);
    TrainingState state = trainer.state();
    payload.put("step", state.step()).put("epoch", state.epoch()).put("item", state.item());
    payload.put("tokens", state.tokens());
    payload.put("grad_norm", Double.doubleToRawLongBits(state.gradNorm()));
    ArrayNode losses = payload.putArray("losses");
    for (double loss : state.losses()) {
      losses.add(Double.doubleToRawLongBits(loss));
    }
    ObjectNode shared = payload.putObject("fingerprint");
    new TreeMap<>(fingerprint).forEach(shared::put);
    payload.set(
        "crc32c", writeTensors(partial.resolve(TENSORS), CheckpointTensor.of(trainer.moments())));
    ObjectNode root = StrictJson.MAPPER.createObjectNode();
    root.set("state", payload);
    root.put("crc32c", checksum(payload));
    AtomicFile.write(partial.resolve(STATE), StrictJson.MAPPER.writeValueAsBytes(root));
    publish(partial, folder);
  }

  /** Any crash leaves either the old folder or a whole new one under a name find() knows. */
  private static void publish(Path partial, Path folder) throws IOException {
    Path next = next(folder);
    deleteFolder(next);
    Files.move(partial, next, StandardCopyOption.ATOMIC_MOVE);
    AtomicFile.forceFolder(next);
    deleteFolder(folder);
    Files.move(next, folder, StandardCopyOption.ATOMIC_MOVE);
    AtomicFile.forceFolder(folder);
  }

  private static Path next(Path folder) {
    return folder.resolveSibling("." + folder.getFileName() + ".next");
  }

  /** The newest whole checkpoint at a place; finishes a replacement that was cut off. */
  static Optional<Path> find(Path folder) throws IOException {
    Path next = next(folder);
    if (Files.isDirectory(next)) {
      deleteFolder(folder);
      Files.move(next, folder, StandardCopyOption.ATOMIC_MOVE);
      AtomicFile.forceFolder(folder);
    }
    return Files.isDirectory(folder) ? Optional.of(folder) : Optional.empty();
  }

  /** Removes a folder of plain files, its state first: without that it is no checkpoint. */
  static void deleteFolder(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    Files.deleteIfExists(folder.resolve(STATE));
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  private static ObjectNode writeTensors(Path file, List<CheckpointTensor> tensors)
      throws IOException {
    Map<String, CheckpointTensor> byName = new TreeMap<>();
    tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    ObjectNode checksums = StrictJson.MAPPER.createObjectNode();
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            file, tensors.stream().map(CheckpointTensor::spec).toList(), Map.of())) {
      for (TensorSpec spec : writer.order()) {
        CheckpointTensor tensor = byName.get(spec.name());
        CRC32C crc = new CRC32C();
        int step = step(tensor);
        for (int first = 0; first < tensor.rows(); first += step) {
          int count = Math.min(step, tensor.rows() - first);
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment strip = arena.allocate(count * tensor.rowBytes());
            tensor.copyTo(strip, first, count);
            crc.update(strip.asByteBuffer());
            writer.write(tensor.name(), strip);
          }
        }
        checksums.put(tensor.name(), crc.getValue());
      }
      writer.finish();
    }
    return checksums;
  }

  private static int step(CheckpointTensor tensor) {
    return Math.clamp(STRIP_BYTES / tensor.rowBytes(), 1, tensor.rows());
  }

  private static long checksum(ObjectNode payload) throws IOException {
    CRC32C crc = new CRC32C();
    crc.update(StrictJson.MAPPER.writeValueAsBytes(payload));
    return crc.getValue();
  }

  /**
   * Brings a trainer to where a checkpoint stood.
   *
   * @param folder the checkpoint
   * @param trainer of the same stage, before its first update
   * @param fingerprint of this run
   * @throws CheckpointException where the checkpoint is broken, or of another run; names what
   *     differs
   */
  static void read(Path folder, Trainer trainer, Map<String, String> fingerprint)
      throws IOException {
    JsonNode payload = state(folder);
    requireSame(folder, payload.path("fingerprint"), fingerprint);
    readTensors(
        folder.resolve(TENSORS), CheckpointTensor.of(trainer.moments()), payload.path("crc32c"));
    JsonNode losses = payload.path("losses");
    double[] recent = new double[losses.size()];
    for (int i = 0; i < recent.length; i++) {
      recent[i] = Double.longBitsToDouble(losses.get(i).longValue());
    }
    trainer.resume(
        new TrainingState(
            payload.path("step").intValue(),
            payload.path("epoch").intValue(),
            payload.path("item").intValue(),
            payload.path("tokens").longValue(),
            Double.longBitsToDouble(payload.path("grad_norm").longValue()),
            recent));
  }

  /** The state, once its checksum is right. */
  static JsonNode state(Path folder) throws IOException {
    Path file = folder.resolve(STATE);
    JsonNode root = StrictJson.read(file, MAX_STATE_BYTES);
    JsonNode payload = root.path("state");
    if (!(payload instanceof ObjectNode object)
        || !root.path("crc32c").isIntegralNumber()
        || checksum(object) != root.path("crc32c").longValue()) {
      throw new CheckpointException(
          file, "its checksum is wrong, needed it as written; start again with --overwrite");
    }
    if (payload.path("format").intValue() != FORMAT) {
      throw new CheckpointException(
          file,
          "format " + payload.path("format") + ", needed " + FORMAT + "; use the same version");
    }
    return payload;
  }

  static void requireSame(Path folder, JsonNode theirs, Map<String, String> ours)
      throws IOException {
    Map<String, String> all = new TreeMap<>(ours);
    theirs.properties().forEach(entry -> all.putIfAbsent(entry.getKey(), null));
    for (String key : all.keySet()) {
      String here = ours.get(key);
      String there = theirs.has(key) ? theirs.get(key).asText() : null;
      if (here == null || !here.equals(there)) {
        throw new CheckpointException(
            folder,
            "%s: %s there, %s here, needed the same; resume with the settings it was made with"
                .formatted(key, there == null ? "none" : there, here == null ? "none" : here));
      }
    }
  }

  private static void readTensors(Path file, List<CheckpointTensor> tensors, JsonNode checksums)
      throws IOException {
    try (Safetensors source = Safetensors.open(file)) {
      for (CheckpointTensor tensor : tensors) {
        TensorInfo info = source.tensors().get(tensor.name());
        if (info == null
            || info.dtype() != tensor.spec().dtype()
            || !info.shape().equals(tensor.spec().shape())) {
          throw new CheckpointException(
              file,
              tensor.name(),
              (info == null ? "missing" : info.describe())
                  + ", needed "
                  + tensor.spec().dtype()
                  + " "
                  + tensor.spec().shape()
                  + "; start again with --overwrite");
        }
        if (readTensor(source, info, tensor) != checksums.path(tensor.name()).longValue()) {
          throw new CheckpointException(
              file,
              tensor.name(),
              "its checksum is wrong, needed it as written; start again with --overwrite");
        }
      }
    }
  }

  private static long readTensor(Safetensors source, TensorInfo info, CheckpointTensor tensor)
      throws IOException {
    CRC32C crc = new CRC32C();
    int step = step(tensor);
    for (int first = 0; first < tensor.rows(); first += step) {
      int count = Math.min(step, tensor.rows() - first);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment strip = arena.allocate(count * tensor.rowBytes());
        source.read(info, first * tensor.rowBytes(), strip);
        crc.update(strip.asByteBuffer());
        if (!tensor.copyFrom(strip, first, count)) {
          return -1; // a value that is not finite was never written
        }
      }
    }
    return crc.getValue();
  }
}
