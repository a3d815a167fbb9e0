package dev.eeve.adapter;

import dev.eeve.checkpoint.CheckpointException;
import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads PEFT's folder. Every tensor's name and shape is checked before memory is taken. */
final class PeftReader {
  static final String TENSORS = "adapter_model.safetensors";

  private static final List<String> SAVED =
      List.of("model.embed_tokens.weight", "lm_head.weight", "lm_head.bias");

  private static final long STRIP_BYTES = 4L << 20;

  private final Path folder;
  private final PhiDimensions dimensions;
  private final PeftConfigFile settings;
  private final Safetensors file;
  private final Map<String, List<Long>> shapes;

  /** What the file must hold: shape by the name there. */
  private final Map<String, List<Long>> needed = new LinkedHashMap<>();

  private PeftReader(
      Path folder, PhiDimensions dimensions, PeftConfigFile settings, Safetensors file) {
    this.folder = folder;
    this.dimensions = dimensions;
    this.settings = settings;
    this.file = file;
    this.shapes = dimensions.shapes();
  }

  static LoraAdapter read(Path folder, PhiDimensions dimensions) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(folder, "no folder, needed an adapter's");
    }
    PeftConfigFile settings = PeftConfigFile.read(folder);
    Path tensors = folder.resolve(TENSORS);
    if (!Files.exists(tensors) && Files.exists(folder.resolve("adapter_model.bin"))) {
      throw new CheckpointException(
          tensors, "missing beside adapter_model.bin, a pickle; save it again as safetensors");
    }
    try (Safetensors file = Safetensors.open(tensors)) {
      return new PeftReader(folder, dimensions, settings, file).read();
    }
  }

  private LoraAdapter read() throws IOException {
    Set<String> listed = listedModules();
    Set<String> modules = presentModules(listed);
    if (settings.targetsAreListed()) {
      modules.addAll(listed);
    }
    List<String> inOrder =
        LoraConfig.linears(shapes.keySet()).stream().filter(modules::contains).toList();
    for (String module : inOrder) {
      List<Long> shape = shapes.get(module + ".weight");
      long r = settings.config().r();
      needed.put(PeftNames.a(module), List.of(r, shape.get(1)));
      needed.put(PeftNames.b(module), List.of(shape.get(0), r));
    }
    for (String tensor : savedTensors()) {
      needed.put(PeftNames.saved(tensor), shapes.get(tensor));
    }
    check();
    return load(inOrder);
  }

  /** The layers that may have an update. */
  private Set<String> listedModules() throws IOException {
    try {
      return new HashSet<>(settings.config().modules(shapes.keySet()));
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(
          folder.resolve(PeftConfigFile.NAME),
          e.getMessage().replace("lora_target", "target").replace("lora_modules", "modules"));
    }
  }

  /** The layers whose tensors the file has; refuses names that PEFT's LoRA of a Phi has not. */
  private Set<String> presentModules(Set<String> listed) throws IOException {
    Set<String> linears = new HashSet<>(LoraConfig.linears(shapes.keySet()));
    Set<String> modules = new HashSet<>();
    for (TensorInfo tensor : file.tensors().values()) {
      String name = tensor.name();
      String module = name.startsWith(PeftNames.PREFIX) ? module(name) : null;
      if (module != null && linears.contains(module)) {
        if (!listed.contains(module)) {
          throw new CheckpointException(
              file.path(), name, "its layer is none of target_modules; add it there");
        }
        modules.add(module);
      } else if (!isSaved(name)) {
        throw new CheckpointException(
            file.path(),
            name,
            "unknown, needed names such as %s or %s"
                .formatted(
                    PeftNames.a("model.layers.0.self_attn.q_proj"),
                    PeftNames.saved("lm_head.weight")));
      }
    }
    return modules;
  }

  private static String module(String name) {
    for (String suffix : List.of(PeftNames.A, PeftNames.B)) {
      if (name.endsWith(suffix)) {
        return name.substring(PeftNames.PREFIX.length(), name.length() - suffix.length());
      }
    }
    return null;
  }

  private static boolean isSaved(String name) {
    return SAVED.stream().anyMatch(tensor -> PeftNames.saved(tensor).equals(name));
  }

  /** What is listed, and what PEFT saves unasked after a vocabulary has grown. */
  private List<String> savedTensors() {
    List<String> listed = settings.config().modulesToSave();
    boolean head =
        listed.contains("lm_head")
            || has(PeftNames.saved("lm_head.weight"))
            || has(PeftNames.saved("lm_head.bias"));
    boolean embedding =
        listed.contains("embed_tokens") || has(PeftNames.saved("model.embed_tokens.weight"));
    return SAVED.stream()
        .filter(tensor -> tensor.startsWith("lm_head") ? head : embedding)
        .toList();
  }

  private boolean has(String name) {
    return file.tensors().containsKey(name);
  }

  private void check() throws IOException {
    if (needed.isEmpty()) {
      throw new CheckpointException(file.path(), "no tensor of an adapter; save it again");
    }
    for (Map.Entry<String, List<Long>> entry : needed.entrySet()) {
      TensorInfo found = file.tensors().get(entry.getKey());
      if (found == null) {
        throw new CheckpointException(
            file.path(),
            entry.getKey(),
            "missing, needed " + entry.getValue() + " by the settings");
      }
      if (!found.dtype().isWeight() || !found.shape().equals(entry.getValue())) {
        throw new CheckpointException(
            file.path(),
            found.name(),
            "%s, needed F32, F16 or BF16 %s; take adapter and model of one size"
                .formatted(found.describe(), entry.getValue()));
      }
    }
  }

  private LoraAdapter load(List<String> modules) throws IOException {
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      Map<String, LowRank> updates = new HashMap<>();
      for (String module : modules) {
        Weights a = matrix(arena, PeftNames.a(module), ElementType.F32);
        Weights b = matrix(arena, PeftNames.b(module), ElementType.F32);
        updates.put(module, new LowRank(a, b, settings.config().scale()));
      }
      Map<String, Weights> matrices = new HashMap<>();
      Map<String, float[]> vectors = new HashMap<>();
      for (String tensor : savedTensors()) {
        TensorInfo info = file.tensors().get(PeftNames.saved(tensor));
        if (info.shape().size() == 1) {
          vectors.put(tensor, vector(info));
        } else {
          matrices.put(tensor, matrix(arena, info.name(), info.dtype().kept()));
        }
      }
      Path name = folder.toAbsolutePath().normalize().getFileName();
      LoraAdapter adapter =
          new LoraAdapter(
              name == null ? folder.toString() : name.toString(),
              settings.config(),
              dimensions,
              updates,
              matrices,
              vectors,
              Optional.of(arena));
      done = true;
      return adapter;
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  private Weights matrix(Arena arena, String name, ElementType type) throws IOException {
    TensorInfo info = file.tensors().get(name);
    int rows = Math.toIntExact(info.rows());
    Weights weights = Weights.allocate(arena, type, rows, Math.toIntExact(info.columns()));
    int strip =
        (int) Math.clamp(STRIP_BYTES / info.rowBytes() / 64 * 64, Weights.GROUP_ROWS, rows + 64L);
    for (int first = 0; first < rows; first += strip) {
      int count = Math.min(strip, rows - first);
      try (Arena own = Arena.ofConfined()) {
        MemorySegment bytes = own.allocate(count * info.rowBytes());
        file.read(info, first * info.rowBytes(), bytes);
        long bad = weights.put(first, count, bytes, info.dtype().kept());
        if (bad >= 0) {
          throw notFinite(info, first + bad / weights.columns());
        }
      }
    }
    return weights;
  }

  private float[] vector(TensorInfo info) throws IOException {
    int size = Math.toIntExact(info.rows());
    try (Arena own = Arena.ofConfined()) {
      Weights column = Weights.allocate(own, ElementType.F32, size, 1);
      MemorySegment bytes = own.allocate(info.byteSize());
      file.read(info, 0, bytes);
      long bad = column.put(0, size, bytes, info.dtype().kept());
      if (bad >= 0) {
        throw notFinite(info, bad);
      }
      float[] values = new float[size];
      for (int i = 0; i < size; i++) {
        column.row(i, values, i);
      }
      return values;
    }
  }

  private CheckpointException notFinite(TensorInfo info, long row) {
    return new CheckpointException(
        file.path(),
        info.name(),
        "row " + row + ": NaN or infinite, needed finite numbers; train or download it again");
  }
}
