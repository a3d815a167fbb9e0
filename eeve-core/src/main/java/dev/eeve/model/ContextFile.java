package dev.eeve.model;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.FileFailure;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.Fingerprint;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.kernels.KeyValueRows.Plane;
import dev.eeve.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/**
 * A context's tokens with their keys and values as a safetensors file. Its metadata say what
 * computed them, and a checksum of all its data.
 */
final class ContextFile {
  private static final String FORMAT = "eeve-context-1";
  private static final String TOKENS = "tokens";
  private static final String CHECKSUM = "checksum";

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What a tensor holds; no layer stands for the tokens. */
  private record Part(int layer, Plane plane) {}

  private final KeyValueCache cache;
  private final int[] tokens;
  private final SequencedMap<String, String> identity;
  private final Map<String, Part> parts = new HashMap<>();

  /**
   * What a file is written from or read into.
   *
   * @param tokens as long as the cache
   * @param identity as {@link #identity} gives it
   */
  ContextFile(KeyValueCache cache, int[] tokens, SequencedMap<String, String> identity) {
    this.cache = cache;
    this.tokens = tokens;
    this.identity = identity;
    for (int i = 0; i < cache.layers(); i++) {
      for (Plane plane : cache.layer(i).planes()) {
        parts.put("layers." + i + "." + plane.name().toLowerCase(Locale.ROOT), new Part(i, plane));
      }
    }
  }

  /**
   * What must be the same for keys and values to be.
   *
   * @param tokenizer what tells apart the tokenizer that made the ids
   */
  static SequencedMap<String, String> identity(
      PhiModel model,
      List<LoraAdapter> adapters,
      KeyValueCache cache,
      Workers workers,
      String tokenizer) {
    Fingerprint added = new Fingerprint();
    adapters.forEach(adapter -> adapter.addTo(added, workers));
    SequencedMap<String, String> identity = new LinkedHashMap<>();
    identity.put("cache_type", cache.layer(0).type().toString());
    identity.put("model", model.fingerprint(workers));
    identity.put("adapters", adapters.isEmpty() ? "none" : added.toString());
    identity.put("tokenizer", tokenizer);
    Blocking blocking = workers.blocking();
    identity.put("block_of_keys", Integer.toString(blocking.keys()));
    identity.put(
        "prompt_products",
        blocking.strassenRows() == 0
            ? "plain"
            : "strassen from %d rows in blocks of %d"
                .formatted(blocking.strassenRows(), blocking.tokens()));
    return identity;
  }

  /** The tensors for so many positions. */
  private List<TensorSpec> specs(int positions) {
    List<TensorSpec> specs = new ArrayList<>();
    specs.add(new TensorSpec(TOKENS, DType.I32, List.of((long) positions)));
    long blocks = (positions + KeyValueRows.KEY_BLOCK - 1L) / KeyValueRows.KEY_BLOCK;
    parts.forEach(
        (name, part) -> {
          KeyValueRows rows = cache.layer(part.layer);
          long heads = rows.heads();
          long width = rows.width(part.plane);
          long lanes = KeyValueRows.KEY_BLOCK;
          boolean keys = part.plane == Plane.KEYS || part.plane == Plane.KEY_SCALES;
          specs.add(
              new TensorSpec(
                  name,
                  dtype(rows, part.plane),
                  keys
                      ? List.of(heads, blocks, width, lanes)
                      : List.of(heads, blocks * lanes, width)));
        });
    return specs;
  }

  private static DType dtype(KeyValueRows rows, Plane plane) {
    if (plane == Plane.KEY_SCALES || plane == Plane.VALUE_SCALES) {
      return DType.F16;
    }
    return switch (rows.type()) {
      case F32 -> DType.F32;
      case F16 -> DType.F16;
      case BF16 -> DType.BF16;
      default -> DType.I8;
    };
  }

  /** Takes a strip of a tensor. */
  private interface Sink {
    void accept(String name, MemorySegment bytes) throws IOException;
  }

  /** Writes the first positions; the file appears whole or not at all. */
  void write(Path file, int positions) throws IOException {
    List<TensorSpec> specs = specs(positions);
    SequencedMap<String, String> metadata = new LinkedHashMap<>(identity);
    metadata.put("format", FORMAT);
    metadata.put(CHECKSUM, "0".repeat(16));
    Fingerprint sum = new Fingerprint();
    for (TensorSpec spec : SafetensorsWriter.inFileOrder(specs)) {
      give(spec, positions, (name, bytes) -> sum.add(bytes));
    }
    metadata.put(CHECKSUM, sum.toString());
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, specs, metadata)) {
      for (TensorSpec spec : writer.order()) {
        give(spec, positions, writer::write);
      }
      writer.finish();
    }
  }

  private void give(TensorSpec spec, int positions, Sink sink) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      if (spec.name().equals(TOKENS)) {
        MemorySegment ids = arena.allocate(spec.byteSize());
        MemorySegment.copy(tokens, 0, ids, INT, 0, positions);
        sink.accept(TOKENS, ids);
        return;
      }
      Part part = parts.get(spec.name());
      KeyValueRows rows = cache.layer(part.layer);
      MemorySegment head = arena.allocate(spec.byteSize() / rows.heads());
      for (int h = 0; h < rows.heads(); h++) {
        rows.read(part.plane, h, head, positions);
        sink.accept(spec.name(), head);
      }
    }
  }

  /**
   * Reads a file, as far as the cache has room; what it holds counts only if this returns.
   *
   * @param vocabSize tokens are below
   * @return positions read
   * @throws IOException names the file and what is wrong with it
   */
  int read(Path path, int vocabSize) throws IOException {
    try (Safetensors file = Safetensors.open(path)) {
      checkIdentity(path, file.metadata());
      int positions = positions(path, file);
      checkTensors(path, file, positions);
      int taken = Math.min(positions, tokens.length);
      Fingerprint sum = new Fingerprint();
      for (TensorInfo tensor : file.tensors().values()) {
        if (tensor.name().equals(TOKENS)) {
          takeTokens(file, tensor, taken, vocabSize, sum);
        } else {
          take(file, tensor, taken, sum);
        }
      }
      String expected = file.metadata().get(CHECKSUM);
      if (!sum.toString().equals(expected)) {
        throw new CheckpointException(
            path,
            "checksum "
                + sum
                + ", the file was saved with "
                + FileFailure.printable(String.valueOf(expected), 40)
                + "; it is damaged, save it again");
      }
      return taken;
    }
  }

  private void checkIdentity(Path path, Map<String, String> metadata) throws IOException {
    if (!FORMAT.equals(metadata.get("format"))) {
      throw new CheckpointException(
          path, "no saved context of this version, needed one with format " + FORMAT);
    }
    for (Map.Entry<String, String> entry : identity.entrySet()) {
      String found = metadata.get(entry.getKey());
      if (!entry.getValue().equals(found)) {
        throw new CheckpointException(
            path,
            "%s %s, this session has %s; use what it was saved with, or save it again"
                .formatted(
                    entry.getKey().replace('_', ' '),
                    found == null ? "missing" : FileFailure.printable(found, 40),
                    entry.getValue()));
      }
    }
  }

  private static int positions(Path path, Safetensors file) throws IOException {
    TensorInfo tensor = file.tensors().get(TOKENS);
    if (tensor == null || tensor.dtype() != DType.I32 || tensor.shape().size() != 1) {
      throw new CheckpointException(
          path,
          TOKENS,
          (tensor == null ? "missing" : tensor.describe()) + ", needed I32 (positions)");
    }
    long positions = tensor.rows();
    if (positions < 1 || positions > Integer.MAX_VALUE - KeyValueRows.KEY_BLOCK) {
      throw new CheckpointException(path, TOKENS, positions + " of them, needed at least 1");
    }
    return (int) positions;
  }

  private void checkTensors(Path path, Safetensors file, int positions) throws IOException {
    Map<String, TensorInfo> found = new HashMap<>(file.tensors());
    for (TensorSpec spec : specs(positions)) {
      TensorInfo tensor = found.remove(spec.name());
      if (tensor == null
          || tensor.dtype() != spec.dtype()
          || !tensor.shape().equals(spec.shape())) {
        throw new CheckpointException(
            path,
            spec.name(),
            "%s, needed %s %s for %d tokens"
                .formatted(
                    tensor == null ? "missing" : tensor.describe(),
                    spec.dtype(),
                    spec.shape(),
                    positions));
      }
    }
    for (String name : found.keySet()) {
      throw new CheckpointException(path, name, "unknown in a saved context");
    }
  }

  private void takeTokens(
      Safetensors file, TensorInfo tensor, int taken, int vocabSize, Fingerprint sum)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ids = arena.allocate(tensor.byteSize());
      file.read(tensor, 0, ids);
      sum.add(ids);
      for (int i = 0; i < tensor.rows(); i++) {
        int id = ids.get(INT, i * 4L);
        if (id < 0 || id >= vocabSize) {
          throw new CheckpointException(
              file.path(), TOKENS, "id %d at %d, needed 0 to %d".formatted(id, i, vocabSize - 1));
        }
        if (i < taken) {
          tokens[i] = id;
        }
      }
    }
  }

  private void take(Safetensors file, TensorInfo tensor, int taken, Fingerprint sum)
      throws IOException {
    Part part = parts.get(tensor.name());
    KeyValueRows rows = cache.layer(part.layer);
    long bytes = tensor.byteSize() / rows.heads();
    int lanes = KeyValueRows.KEY_BLOCK;
    long used =
        (taken + lanes - 1L)
            / lanes
            * lanes
            * rows.width(part.plane)
            * rows.elementBytes(part.plane);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(bytes);
      for (int h = 0; h < rows.heads(); h++) {
        file.read(tensor, h * bytes, head);
        sum.add(head);
        long bad = rows.write(part.plane, h, head.asSlice(0, used));
        if (bad >= 0) {
          throw new CheckpointException(
              file.path(),
              tensor.name(),
              "NaN or infinity at %d of head %d; the file is damaged, save it again"
                  .formatted(bad, h));
        }
      }
    }
  }
}
