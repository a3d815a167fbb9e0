package dev.eeve.adapter;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.internal.AtomicFile;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Writes PEFT's folder, everything as F32; the settings appear after the tensors. */
final class PeftWriter {
  private static final long STRIP_BYTES = 4L << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final LoraAdapter adapter;
  private final Map<String, Weights> matrices = new HashMap<>();
  private final Map<String, float[]> vectors = new HashMap<>();

  private PeftWriter(LoraAdapter adapter) {
    this.adapter = adapter;
    for (String module : LoraConfig.linears(adapter.dimensions().shapes().keySet())) {
      adapter.update(module).ifPresent(update -> add(module, update));
    }
    for (String tensor : List.of("model.embed_tokens.weight", "lm_head.weight")) {
      adapter.savedMatrix(tensor).ifPresent(m -> matrices.put(PeftNames.saved(tensor), m));
    }
    adapter
        .savedVector("lm_head.bias")
        .ifPresent(v -> vectors.put(PeftNames.saved("lm_head.bias"), v));
  }

  private void add(String module, LowRank update) {
    matrices.put(PeftNames.a(module), update.a());
    matrices.put(PeftNames.b(module), update.b());
  }

  static void write(Path folder, LoraAdapter adapter, String baseModel) throws IOException {
    Files.createDirectories(folder);
    Files.deleteIfExists(folder.resolve(PeftConfigFile.NAME)); // never old settings, new tensors
    new PeftWriter(adapter).tensors(folder.resolve(PeftReader.TENSORS));
    AtomicFile.write(
        folder.resolve(PeftConfigFile.NAME), PeftConfigFile.write(adapter.config(), baseModel));
  }

  private void tensors(Path file) throws IOException {
    List<TensorSpec> specs = new ArrayList<>();
    matrices.forEach(
        (name, m) ->
            specs.add(
                new TensorSpec(name, DType.F32, List.of((long) m.rows(), (long) m.columns()))));
    vectors.forEach(
        (name, v) -> specs.add(new TensorSpec(name, DType.F32, List.of((long) v.length))));
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, specs, Map.of("format", "pt"))) {
      for (TensorSpec spec : writer.order()) {
        if (matrices.containsKey(spec.name())) {
          matrix(writer, spec.name(), matrices.get(spec.name()));
        } else {
          vector(writer, spec.name(), vectors.get(spec.name()));
        }
      }
      writer.finish();
    }
  }

  private static void vector(SafetensorsWriter writer, String name, float[] values)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(4L * values.length);
      MemorySegment.copy(values, 0, bytes, FLOAT, 0, values.length);
      writer.write(name, bytes);
    }
  }

  private static void matrix(SafetensorsWriter writer, String name, Weights weights)
      throws IOException {
    long rowBytes = 4L * weights.columns();
    int strip = Math.clamp(STRIP_BYTES / rowBytes, 1, weights.rows());
    float[] row = new float[weights.columns()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(strip * rowBytes);
      for (int first = 0; first < weights.rows(); first += strip) {
        int count = Math.min(strip, weights.rows() - first);
        if (weights.type() == ElementType.F32) {
          weights.copyRows(first, count, bytes);
        } else {
          for (int r = 0; r < count; r++) {
            weights.row(first + r, row, 0);
            MemorySegment.copy(row, 0, bytes, FLOAT, r * rowBytes, row.length);
          }
        }
        writer.write(name, bytes.asSlice(0, count * rowBytes));
      }
    }
  }
}
