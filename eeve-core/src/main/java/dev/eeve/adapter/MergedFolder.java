package dev.eeve.adapter;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.NormalFloatFolder;
import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.checkpoint.TensorConverter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Weights;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.kernels.Workers;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.UnaryOperator;

/**
 * Writes a model folder whose weights are {@code W + s · B A}: computed in fp32 from the base's own
 * files and rounded once, to nearest. What no adapter names keeps its bytes. Strips of rows pass
 * through: the model is never in memory.
 */
public final class MergedFolder {
  private static final long STRIP_BYTES = 4L << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ModelFolder base;
  private final SequencedMap<String, ResolvedTensor> tensors;
  private final List<LoraAdapter> adapters;
  private final UnaryOperator<DType> types;
  private final Workers workers;

  private MergedFolder(
      ModelFolder base,
      SequencedMap<String, ResolvedTensor> tensors,
      List<LoraAdapter> adapters,
      UnaryOperator<DType> types,
      Workers workers) {
    this.base = base;
    this.tensors = tensors;
    this.adapters = adapters;
    this.types = types;
    this.workers = workers;
  }

  /**
   * Writes the folder.
   *
   * @param base an unquantized model folder, of any layout that can be read
   * @param dimensions its sizes
   * @param adapters added in this order
   * @param output another folder; made if it is not there
   * @param types the type to write by the type in the base's file
   * @param files to appear with the weights, by their names
   * @param threads that share one computation
   * @throws IOException names the file and tensor that is broken, or too large for its type
   */
  public static void write(
      Path base,
      PhiDimensions dimensions,
      List<LoraAdapter> adapters,
      Path output,
      UnaryOperator<DType> types,
      Map<String, byte[]> files,
      int threads)
      throws IOException {
    LoraAdapter.requireTogether(dimensions, adapters);
    if (NormalFloatFolder.isIn(base)) {
      throw new CheckpointException(
          base, "NF4 weights, needed the unquantized model that they were made of");
    }
    try (ModelFolder folder = ModelFolder.open(base);
        WorkerPool pool = new WorkerPool(threads);
        Workers workers = pool.workers()) {
      SequencedMap<String, ResolvedTensor> tensors = PhiTensorNames.resolve(folder, dimensions);
      new MergedFolder(folder, tensors, adapters, types, workers).write(output, files);
    }
  }

  private void write(Path output, Map<String, byte[]> files) throws IOException {
    List<TensorSpec> specs = new ArrayList<>();
    for (ResolvedTensor tensor : tensors.values()) {
      DType type = types.apply(tensor.source().dtype());
      specs.add(new TensorSpec(tensor.name(), type, tensor.shape()));
    }
    try (ModelFolderWriter writer =
        ModelFolderWriter.create(output, specs, ModelFolderWriter.MAX_SHARD_BYTES)) {
      for (Map.Entry<String, byte[]> file : files.entrySet()) {
        writer.addFile(file.getKey(), file.getValue());
      }
      for (TensorSpec spec : writer.order()) {
        write(writer, spec, tensors.get(spec.name()));
      }
      writer.finish();
    }
  }

  private void write(ModelFolderWriter writer, TensorSpec spec, ResolvedTensor tensor)
      throws IOException {
    int columns = Math.toIntExact(tensor.source().columns());
    int rows = Math.toIntExact(tensor.rows());
    int strip = Math.clamp(STRIP_BYTES / (4L * columns), 1, rows);
    Strip s = new Strip(tensor, spec, columns);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = arena.allocate(strip * tensor.source().rowBytes());
      MemorySegment wide = arena.allocate(4L * strip * columns);
      MemorySegment out = arena.allocate(strip * spec.dtype().byteSize(columns));
      for (int first = 0; first < rows; first += strip) {
        int count = Math.min(strip, rows - first);
        s.merge(in, wide, out, first, count);
        writer.write(spec.name(), out.asSlice(0, count * spec.dtype().byteSize(columns)));
      }
    }
  }

  /** One tensor on its way. */
  private final class Strip {
    private final ResolvedTensor tensor;
    private final TensorSpec spec;
    private final int columns;
    private final List<LowRank> updates = new ArrayList<>();
    private final TensorConverter widening;
    private final TensorConverter rounding;
    private final TensorConverter plain;

    Strip(ResolvedTensor tensor, TensorSpec spec, int columns) {
      this.tensor = tensor;
      this.spec = spec;
      this.columns = columns;
      if (tensor.name().endsWith(".weight")) {
        String module = tensor.name().substring(0, tensor.name().length() - ".weight".length());
        adapters.forEach(adapter -> adapter.update(module).ifPresent(updates::add));
      }
      widening = new TensorConverter(tensor.source().dtype(), DType.F32, columns, false);
      rounding = new TensorConverter(DType.F32, spec.dtype(), columns, false);
      plain = new TensorConverter(tensor.source().dtype(), spec.dtype(), columns, false);
    }

    void merge(MemorySegment in, MemorySegment wide, MemorySegment out, int first, int count)
        throws IOException {
      int bad;
      if (saved(wide, first, count)) {
        bad = rounding.convert(count, wide, out);
      } else {
        long rowBytes = tensor.source().rowBytes();
        MemorySegment source = in.asSlice(0, count * rowBytes);
        base.read(tensor.source(), tensor.byteOffset() + first * rowBytes, source);
        if (updates.isEmpty()) {
          bad = plain.convert(count, source, out);
        } else {
          bad = widening.convert(count, source, wide);
          for (LowRank update : updates) {
            add(wide, update, first, count);
          }
          bad = bad >= 0 ? bad : rounding.convert(count, wide, out);
        }
      }
      if (bad >= 0) {
        throw new CheckpointException(
            tensor.source().file(),
            tensor.source().name(),
            "row %d: NaN, infinite or too large for %s, needed finite numbers; choose another type"
                .formatted(tensor.firstRow() + first + bad, spec.dtype()));
      }
    }

    /** Rows that an adapter replaces. */
    private boolean saved(MemorySegment wide, int first, int count) {
      for (LoraAdapter adapter : adapters) {
        if (adapter.savedMatrix(tensor.name()).isPresent()) {
          Weights matrix = adapter.savedMatrix(tensor.name()).get();
          float[] row = new float[columns];
          for (int r = 0; r < count; r++) {
            matrix.row(first + r, row, 0);
            MemorySegment.copy(row, 0, wide, FLOAT, 4L * r * columns, columns);
          }
          return true;
        }
        if (adapter.savedVector(tensor.name()).isPresent()) {
          float[] vector = adapter.savedVector(tensor.name()).get();
          MemorySegment.copy(vector, first, wide, FLOAT, 0, count);
          return true;
        }
      }
      return false;
    }

    /** Adds rows of {@code s · B A}; a product towards the input of B's rows. */
    private void add(MemorySegment wide, LowRank update, int first, int count) {
      FloatMatrix b = FloatMatrix.allocate(count, update.rank());
      for (int r = 0; r < count; r++) {
        update.b().row(first + r, b.data(), b.index(r));
      }
      FloatMatrix delta = FloatMatrix.allocate(count, columns);
      Linear.backwardInput(workers, delta, update.inputGradient(b));
      float scale = update.scale();
      for (int i = 0; i < count * columns; i++) {
        wide.set(FLOAT, 4L * i, wide.get(FLOAT, 4L * i) + scale * delta.data()[i]);
      }
    }
  }
}
