package dev.eeve;

import dev.eeve.checkpoint.Checkpoint;
import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.GgufValue;
import dev.eeve.checkpoint.GgufWriter;
import dev.eeve.checkpoint.PhiTensorNames;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.checkpoint.TensorConverter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.model.LoadListener;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Writes a model as one GGUF file, tokenizer included, that llama.cpp reads too. Matrices get the
 * chosen type, biases and norms F32. Tensors pass through in strips: the model is never in memory.
 */
public final class GgufExport {
  /** Bytes read at once: large enough for the disk, small enough for the cache. */
  private static final long STRIP_BYTES = 4L << 20;

  /** The number of each type of file in {@code general.file_type}, from {@code llama.h}. */
  private static final Map<DType, Integer> FILE_TYPES =
      Map.of(DType.F32, 0, DType.F16, 1, DType.Q4_0, 2, DType.Q8_0, 7, DType.BF16, 32);

  private static final int QUANTIZATION_VERSION = 2;
  private static final int ALIGNMENT = 32;

  /**
   * What the matrices become: F32, F16, BF16, Q8_0 or Q4_0 each.
   *
   * @param layers those of the decoder layers
   * @param embedTokens the input embedding, which may keep more bits
   * @param lmHead the head, which may keep more bits
   */
  public record Types(DType layers, DType embedTokens, DType lmHead) {
    /** Refuses what is not written. */
    public Types {
      for (DType type : List.of(layers, embedTokens, lmHead)) {
        if (!FILE_TYPES.containsKey(type)) {
          throw new IllegalArgumentException(
              "type: " + type + ", needed F32, F16, BF16, Q8_0 or Q4_0");
        }
      }
    }

    private DType of(String tensor) {
      return switch (tensor) {
        case "model.embed_tokens.weight" -> embedTokens;
        case "lm_head.weight" -> lmHead;
        default -> layers;
      };
    }
  }

  private final Checkpoint files;
  private final SequencedMap<String, ResolvedTensor> tensors;
  private final Types types;
  private final boolean measured;
  private final SequencedMap<String, double[]> squares = new LinkedHashMap<>();

  private GgufExport(
      Checkpoint files,
      SequencedMap<String, ResolvedTensor> tensors,
      Types types,
      boolean measured) {
    this.files = files;
    this.tensors = tensors;
    this.types = types;
    this.measured = measured;
  }

  /**
   * Writes the file with one type for all matrices.
   *
   * @param model as {@link #write(Path, Types, Path, boolean, LoadListener)}, like the others
   * @param type of the matrices
   * @param output the file
   * @param measured whether the signal-to-noise ratio of each part is wanted
   * @param listener hears how far it has come
   * @return signal-to-noise ratios
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static SequencedMap<String, Double> write(
      Path model, DType type, Path output, boolean measured, LoadListener listener)
      throws IOException {
    return write(model, new Types(type, type, type), output, measured, listener);
  }

  /**
   * Writes the file; it appears whole, or not at all.
   *
   * @param model a Hugging Face model folder or a GGUF file
   * @param types of the matrices. One whose rows are no multiple of 32 becomes F16 instead of Q8_0
   *     or Q4_0, and a warning says so once
   * @param output the file; its folder must exist
   * @param measured whether the signal-to-noise ratio of each part is wanted
   * @param listener hears how far it has come, in bytes read
   * @return signal-to-noise ratios in dB by part ({@code embed_tokens}, {@code layers.0}, …, {@code
   *     lm_head}), infinite where nothing was lost; empty unless measured
   * @throws IOException names the file and the tensor or key that is wrong
   * @throws IllegalArgumentException for another type, the model itself as output, or a tokenizer
   *     that GGUF cannot hold
   */
  public static SequencedMap<String, Double> write(
      Path model, Types types, Path output, boolean measured, LoadListener listener)
      throws IOException {
    if (Files.exists(output) && Files.exists(model) && Files.isSameFile(model, output)) {
      throw new IllegalArgumentException("output: " + output + " is the model; choose another");
    }
    if (Files.isDirectory(model) && isPart(model, output)) {
      throw new IllegalArgumentException(
          "output: " + output + " is a file of the model; choose another");
    }
    ModelFiles parts = ModelFiles.read(model);
    try (Checkpoint files = Checkpoint.open(model)) {
      GgufExport export =
          new GgufExport(
              files, PhiTensorNames.resolve(files, parts.config().dimensions()), types, measured);
      export.write(output, GgufKeys.of(parts, files, export.general(model)), listener);
      return export.ratios();
    }
  }

  private SequencedMap<String, GgufValue> general(Path model) {
    SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();
    String name = model.toAbsolutePath().normalize().getFileName().toString();
    keys.put("general.name", GgufValue.of(name.replaceFirst("\\.gguf$", "")));
    keys.put("general.file_type", GgufValue.of(FILE_TYPES.get(types.layers)));
    keys.put("general.alignment", GgufValue.of(ALIGNMENT));
    if (tensors.values().stream().anyMatch(tensor -> target(tensor).blocks().isPresent())) {
      keys.put("general.quantization_version", GgufValue.of(QUANTIZATION_VERSION));
    }
    return keys;
  }

  /** Whether a file stands in a model's folder and may be what the model is read from. */
  private static boolean isPart(Path model, Path output) throws IOException {
    Path folder = output.toAbsolutePath().getParent();
    return Files.exists(output)
        && Files.isSameFile(folder, model)
        && !output.getFileName().toString().endsWith(".gguf");
  }

  private void write(Path output, Map<String, GgufValue> keys, LoadListener listener)
      throws IOException {
    List<TensorSpec> specs = new ArrayList<>();
    List<String> kept = new ArrayList<>();
    for (ResolvedTensor tensor : tensors.values()) {
      DType target = target(tensor);
      if (target == DType.F16 && types.of(tensor.name()).blocks().isPresent()) {
        kept.add(tensor.name());
      }
      specs.add(new TensorSpec(PhiTensorNames.gguf(tensor.name()), target, tensor.shape()));
    }
    if (!kept.isEmpty()) {
      System.getLogger("dev.eeve")
          .log(
              Level.WARNING,
              "%d matrices stay F16: their rows are no multiple of %d elements; the first is %s"
                  .formatted(kept.size(), types.of(kept.getFirst()).elements(), kept.getFirst()));
    }
    long total = tensors.values().stream().mapToLong(ResolvedTensor::byteSize).sum();
    long done = 0;
    try (GgufWriter writer = GgufWriter.create(output, keys, specs)) {
      for (ResolvedTensor tensor : tensors.values()) {
        copy(tensor, writer);
        done += tensor.byteSize();
        listener.loaded(done, total);
      }
      writer.finish();
    }
  }

  private DType target(ResolvedTensor tensor) {
    if (tensor.source().shape().size() == 1) {
      return DType.F32;
    }
    DType type = types.of(tensor.name());
    return tensor.source().columns() % type.elements() == 0 ? type : DType.F16;
  }

  private void copy(ResolvedTensor tensor, GgufWriter writer) throws IOException {
    boolean matrix = tensor.source().shape().size() > 1;
    int columns = Math.toIntExact(matrix ? tensor.source().columns() : tensor.rows());
    long rows = matrix ? tensor.rows() : 1;
    DType target = target(tensor);
    TensorConverter converter =
        new TensorConverter(tensor.source().dtype(), target, columns, measured && matrix);
    long rowBytes = tensor.source().dtype().byteSize(columns);
    int strip = (int) Math.clamp(STRIP_BYTES / rowBytes, 1, rows);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment in = arena.allocate(strip * rowBytes);
      MemorySegment out = arena.allocate(strip * target.byteSize(columns));
      for (long first = 0; first < rows; first += strip) {
        int count = (int) Math.min(strip, rows - first);
        MemorySegment source = in.asSlice(0, count * rowBytes);
        files.read(tensor.source(), tensor.byteOffset() + first * rowBytes, source);
        int bad = converter.convert(count, source, out);
        if (bad >= 0) {
          throw notFinite(tensor, first + bad, target);
        }
        writer.write(
            PhiTensorNames.gguf(tensor.name()), out.asSlice(0, count * target.byteSize(columns)));
      }
    }
    if (measured && matrix) {
      double[] sums = squares.computeIfAbsent(part(tensor.name()), part -> new double[2]);
      sums[0] += converter.signal();
      sums[1] += converter.noise();
    }
  }

  private static CheckpointException notFinite(ResolvedTensor tensor, long row, DType target) {
    return new CheckpointException(
        tensor.source().file(),
        tensor.source().name(),
        "row %d: NaN, infinite or too large for %s, needed finite numbers; choose another type"
            .formatted(tensor.firstRow() + row, target));
  }

  /** The part of a report that a matrix counts to. */
  private static String part(String name) {
    String[] words = name.split("\\.");
    return switch (words[1]) {
      case "embed_tokens" -> words[1];
      case "layers" -> words[1] + "." + words[2];
      default -> words[0];
    };
  }

  private SequencedMap<String, Double> ratios() {
    SequencedMap<String, Double> ratios = new LinkedHashMap<>();
    squares.forEach(
        (part, sums) ->
            ratios.put(
                part,
                sums[1] == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(sums[0] / sums[1])));
    return ratios;
  }
}
