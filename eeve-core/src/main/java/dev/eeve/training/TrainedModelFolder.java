package dev.eeve.training;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Writes a model in training as a model folder: frozen rows as they are, trained ones rounded. */
final class TrainedModelFolder {
  private static final long STRIP_BYTES = 4L << 20;
  private static final long ROUNDING = 4;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * How to write.
   *
   * @param types of the tensors
   * @param rounding of trained rows
   * @param seed of stochastic rounding
   * @param files to appear with the weights, by their names
   */
  record Options(
      Map<String, ElementType> types, Rounding rounding, long seed, Map<String, byte[]> files) {
    /** Everything in one type, config.json beside it. */
    static Options of(PhiModel model, ElementType type) {
      Map<String, ElementType> types = new LinkedHashMap<>();
      Parameters.of(model).names().forEach(name -> types.put(name, type));
      return new Options(
          types, Rounding.NEAREST, 0, Map.of("config.json", model.config().toJson()));
    }
  }

  private final Path folder;
  private final TrainingModel model;
  private final Options options;
  private final BaseTensors base;
  private final Map<String, List<TrainedRows>> trained = new LinkedHashMap<>();

  private TrainedModelFolder(Path folder, TrainingModel model, Options options) {
    this.folder = folder;
    this.model = model;
    this.options = options;
    this.base = new BaseTensors(model.base());
    for (TrainedRows rows : model.trained()) {
      trained.computeIfAbsent(rows.name(), name -> new ArrayList<>()).add(rows);
    }
  }

  static void write(Path folder, TrainingModel model, Options options) throws IOException {
    new TrainedModelFolder(folder, model, options).write();
  }

  private void write() throws IOException {
    if (model.trainable().adapter().isPresent()) {
      throw new IllegalStateException("an adapter is no part of the model's own rows; merge it");
    }
    Parameters parameters = Parameters.of(model.base());
    List<TensorSpec> specs = new ArrayList<>();
    for (Parameter parameter : parameters.all()) {
      DType type = DType.valueOf(options.types().get(parameter.name()).name());
      specs.add(
          new TensorSpec(
              parameter.name(), type, parameter.shape().stream().map(Integer::longValue).toList()));
    }
    try (ModelFolderWriter writer =
        ModelFolderWriter.create(folder, specs, ModelFolderWriter.MAX_SHARD_BYTES)) {
      for (Map.Entry<String, byte[]> file : options.files().entrySet()) {
        writer.addFile(file.getKey(), file.getValue());
      }
      for (TensorSpec spec : writer.order()) {
        write(writer, parameters.get(spec.name()));
      }
      writer.finish();
    }
  }

  private void write(ModelFolderWriter writer, Parameter parameter) throws IOException {
    ElementType type = options.types().get(parameter.name());
    long rowBytes = type.byteSize(parameter.columns());
    int step = Math.clamp(STRIP_BYTES / rowBytes, 1, parameter.rows());
    RandomNumbers random = new RandomNumbers(options.seed(), ROUNDING, parameter.name().hashCode());
    for (int first = 0; first < parameter.rows(); first += step) {
      int count = Math.min(step, parameter.rows() - first);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment strip = arena.allocate(count * rowBytes);
        fill(strip, parameter, type, first, count, random);
        writer.write(parameter.name(), strip);
      }
    }
  }

  private void fill(
      MemorySegment strip,
      Parameter parameter,
      ElementType type,
      int first,
      int count,
      RandomNumbers random)
      throws IOException {
    RowSet rows = model.trainable().rows(parameter.name());
    Weights matrix = base.matrix(parameter.name());
    boolean frozen =
        rows.ranges().stream().noneMatch(r -> r.from() < first + count && r.to() > first);
    if (frozen && matrix != null && matrix.type() == type) {
      matrix.copyRows(first, count, strip);
      return;
    }
    Optional<TrainedMatrix> whole = holding(parameter.name(), first, count, type);
    if (whole.isPresent()) {
      whole.get().master().copyRows(first - whole.get().firstRow(), count, strip);
      return;
    }
    float[] row = new float[parameter.columns()];
    for (int r = first; r < first + count; r++) {
      boolean trains = rows.contains(r);
      if (trains) {
        readTrained(parameter.name(), r, row);
      } else if (matrix != null) {
        matrix.row(r, row, 0);
      } else {
        row[0] = base.vector(parameter.name())[r];
      }
      Rounding rounding = trains ? options.rounding() : Rounding.NEAREST;
      put(strip, (long) (r - first) * row.length, row, type, rounding, random, parameter, r);
    }
  }

  /** Trained rows that hold all of some rows, in the type they are saved in. */
  private Optional<TrainedMatrix> holding(String name, int first, int count, ElementType type) {
    return trained.getOrDefault(name, List.of()).stream()
        .filter(TrainedMatrix.class::isInstance)
        .map(TrainedMatrix.class::cast)
        .filter(rows -> rows.firstRow() <= first && rows.rows() - first >= count - rows.firstRow())
        .filter(rows -> type == ElementType.BF16 && rows.master().type() == type)
        .findFirst();
  }

  private void readTrained(String name, int row, float[] out) {
    for (TrainedRows rows : trained.get(name)) {
      int at = row - rows.firstRow();
      if (at >= 0 && at < rows.rows()) {
        switch (rows) {
          case TrainedMatrix matrix -> matrix.master().row(at, out, 0);
          case TrainedVector vector -> out[0] = vector.values()[row];
        }
        return;
      }
    }
    throw new IllegalStateException(name + ": row " + row + " trains but is nowhere");
  }

  private void put(
      MemorySegment strip,
      long at,
      float[] row,
      ElementType type,
      Rounding rounding,
      RandomNumbers random,
      Parameter parameter,
      int number)
      throws IOException {
    for (int i = 0; i < row.length; i++) {
      boolean finite;
      if (type == ElementType.F32) {
        strip.set(FLOAT, (at + i) * 4, row[i]);
        finite = Float.isFinite(row[i]);
      } else {
        short bits = rounding.round(row[i], type, random);
        strip.set(SHORT, (at + i) * 2, bits);
        finite = Float.isFinite(Rounding.widen(bits, type));
      }
      if (!finite) {
        throw new CheckpointException(
            folder,
            parameter.name(),
            "row %d: %s is too large for %s; choose another save_dtype"
                .formatted(number, row[i], type));
      }
    }
  }
}
