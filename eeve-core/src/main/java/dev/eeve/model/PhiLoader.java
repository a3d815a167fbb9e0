package dev.eeve.model;

import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.kernels.BlockDequantizer;
import dev.eeve.kernels.BlockFormat;
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

/** Reads a model's tensors into the kernels' layout, a strip of rows at a time. */
final class PhiLoader implements PhiAssembly.Source {
  /** Bytes that take long enough to read for kernels to be compiled meanwhile. */
  private static final long WARM_UP_FROM = 500_000_000;

  /** Bytes a thread reads at once: large enough for the disk, small enough for the cache. */
  private static final long STRIP_BYTES = 4L << 20;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Checkpoint files;
  private final Map<String, ResolvedTensor> tensors;
  private final LoadListener listener;
  private final long totalBytes;

  /** Guarded by this. */
  private long doneBytes;

  private PhiLoader(Checkpoint files, Map<String, ResolvedTensor> tensors, LoadListener listener) {
    this.files = files;
    this.tensors = tensors;
    this.listener = listener;
    this.totalBytes = tensors.values().stream().mapToLong(ResolvedTensor::byteSize).sum();
  }

  static PhiModel load(
      Checkpoint files,
      PhiConfig config,
      Optional<ElementType> type,
      int threads,
      LoadListener listener,
      boolean warmUp)
      throws IOException {
    Map<String, ResolvedTensor> tensors = PhiTensorNames.resolve(files, config.dimensions());
    KeptTypes kept = KeptTypes.of(config, tensors, type);
    MemoryPlan.requireWeights(config, kept);
    type.ifPresent(kept::tellWhatStaysF16);
    PhiLoader loader = new PhiLoader(files, tensors, listener);
    if (!warmUp || MemoryPlan.forWeights(config, kept).bytes() < WARM_UP_FROM) {
      return PhiAssembly.assemble(config, kept, loader, threads);
    }
    try (KernelWarmUp _ = KernelWarmUp.start(kept.main(config))) {
      return PhiAssembly.assemble(config, kept, loader, threads);
    }
  }

  static PhiModel load(
      Checkpoint files, PhiConfig config, KeptTypes kept, int threads, LoadListener listener)
      throws IOException {
    Map<String, ResolvedTensor> tensors = PhiTensorNames.resolve(files, config.dimensions());
    MemoryPlan.requireWeights(config, kept);
    return PhiAssembly.assemble(config, kept, new PhiLoader(files, tensors, listener), threads);
  }

  private synchronized void done(long bytes) {
    doneBytes += bytes;
    listener.loaded(doneBytes, totalBytes);
  }

  @Override
  public List<FillTask> fill(String name, Weights weights) {
    ResolvedTensor tensor = tensors.get(name);
    long rowBytes = tensor.source().rowBytes();
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
    long rowBytes = tensor.source().rowBytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(count * rowBytes);
      files.read(tensor.source(), tensor.byteOffset() + first * rowBytes, strip);
      DType dtype = tensor.source().dtype();
      long bad =
          dtype.blocks().isPresent() && dtype.kept().blocks().isEmpty()
              ? putBlocks(dtype.blocks().get(), strip, weights, first, count)
              : weights.put(first, count, strip, dtype.kept());
      if (bad >= 0) {
        throw notFinite(tensor, first + bad / weights.columns(), weights.type());
      }
    }
    done(count * rowBytes);
  }

  /** A panel at a time by way of fp32, so that what lies between stays in the cache. */
  private static long putBlocks(
      BlockFormat format, MemorySegment strip, Weights weights, int first, int count) {
    int columns = weights.columns();
    long rowBytes = (long) columns / format.elements() * format.bytes();
    float[] rows = new float[Math.min(count, Weights.PANEL_ROWS) * columns];
    for (int row = 0; row < count; row += Weights.PANEL_ROWS) {
      int panel = Math.min(Weights.PANEL_ROWS, count - row);
      BlockDequantizer.dequantize(format, rows, 0, panel * columns, strip, row * rowBytes);
      long bad = weights.put(first + row, panel, MemorySegment.ofArray(rows), ElementType.F32);
      if (bad >= 0) {
        return (long) row * columns + bad;
      }
    }
    return -1;
  }

  @Override
  public float[] vector(String name, int size) throws IOException {
    ResolvedTensor tensor = tensors.get(name);
    ElementType type = tensor.source().dtype().kept();
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
              case Q8_0, Q4_0 -> throw new IllegalStateException(name + ": blocks are matrices'");
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
