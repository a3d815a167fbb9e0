package dev.eeve.model;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads a model folder's tensors into the kernels' layout, a strip of rows at a time. */
final class PhiLoader implements PhiAssembly.Source {
  /** Bytes a thread reads at once: large enough for the disk, small enough for the cache. */
  private static final long STRIP_BYTES = 4L << 20;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ModelFolder files;
  private final Map<String, ResolvedTensor> tensors;
  private final LoadListener listener;
  private final long totalBytes;

  /** Guarded by this. */
  private long doneBytes;

  private PhiLoader(ModelFolder files, Map<String, ResolvedTensor> tensors, LoadListener listener) {
    this.files = files;
    this.tensors = tensors;
    this.listener = listener;
    this.totalBytes = tensors.values().stream().mapToLong(ResolvedTensor::byteSize).sum();
  }

  static PhiModel load(
      ModelFolder files,
      PhiConfig config,
      Optional<ElementType> type,
      int threads,
      LoadListener listener)
      throws IOException {
    Map<String, ResolvedTensor> tensors =
        PhiTensorNames.resolve(files.path(), files.tensors(), config.dimensions());
    ElementType kept =
        type.orElseGet(() -> typeOf(tensors.get("model.embed_tokens.weight").source().dtype()));
    MemoryPlan.requireWeights(config, kept);
    return PhiAssembly.assemble(config, kept, new PhiLoader(files, tensors, listener), threads);
  }

  private synchronized void done(long bytes) {
    doneBytes += bytes;
    listener.loaded(doneBytes, totalBytes);
  }

  private static ElementType typeOf(DType dtype) {
    return switch (dtype) {
      case F32 -> ElementType.F32;
      case F16 -> ElementType.F16;
      case BF16 -> ElementType.BF16;
      default -> throw new IllegalArgumentException("dtype: " + dtype + " is not a weight's");
    };
  }

  @Override
  public List<FillTask> fill(String name, Weights weights) {
    ResolvedTensor tensor = tensors.get(name);
    long rowBytes = (long) weights.columns() * tensor.source().dtype().bytes();
    int rows =
        (int)
            Math.clamp(
                STRIP_BYTES / rowBytes / Weights.GROUP_ROWS * Weights.GROUP_ROWS,
                Weights.GROUP_ROWS,
                weights.rows() + (long) Weights.GROUP_ROWS);
    List<FillTask> tasks = new ArrayList<>();
    for (int first = 0; first < weights.rows(); first += rows) {
      int from = first;
      int count = Math.min(rows, weights.rows() - first);
      tasks.add(() -> strip(tensor, weights, from, count));
    }
    return tasks;
  }

  private void strip(ResolvedTensor tensor, Weights weights, int first, int count)
      throws IOException {
    long rowBytes = (long) weights.columns() * tensor.source().dtype().bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(count * rowBytes);
      files.read(tensor.source(), tensor.byteOffset() + first * rowBytes, strip);
      long bad = weights.put(first, count, strip, typeOf(tensor.source().dtype()));
      if (bad >= 0) {
        throw notFinite(tensor, first + bad / weights.columns(), weights.type());
      }
    }
    done(count * rowBytes);
  }

  @Override
  public float[] vector(String name, int size) throws IOException {
    ResolvedTensor tensor = tensors.get(name);
    ElementType type = typeOf(tensor.source().dtype());
    float[] values = new float[size];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(tensor.byteSize());
      files.read(tensor.source(), tensor.byteOffset(), bytes);
      for (int i = 0; i < size; i++) {
        values[i] =
            switch (type) {
              case F32 -> bytes.get(FLOAT, i * 4L);
              case F16 -> Float.float16ToFloat(bytes.get(SHORT, i * 2L));
              case BF16 -> Float.intBitsToFloat(bytes.get(SHORT, i * 2L) << 16);
            };
        if (!Float.isFinite(values[i])) {
          throw notFinite(tensor, i, type);
        }
      }
    }
    done(tensor.byteSize());
    return values;
  }

  private static CheckpointException notFinite(ResolvedTensor tensor, long row, ElementType kept) {
    return new CheckpointException(
        tensor.source().file(),
        tensor.source().name(),
        "row "
            + (tensor.firstRow() + row)
            + ": NaN, infinite or too large for "
            + kept
            + ", needed finite numbers; download the weights again or choose another dtype");
  }
}
