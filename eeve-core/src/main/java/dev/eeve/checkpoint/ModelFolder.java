package dev.eeve.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * The weights of a Hugging Face model folder, open for reading: {@code model.safetensors}, or the
 * shards that {@code model.safetensors.index.json} names. Where both are there the single file is
 * taken, as transformers does. Several threads may read at once.
 */
public final class ModelFolder implements Checkpoint {
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  /** An index of a thousand layers has a megabyte. */
  private static final int MAX_INDEX_BYTES = 16 << 20;

  private final Path path;
  private final Map<Path, Safetensors> files;
  private final LinkedHashMap<String, TensorInfo> tensors = new LinkedHashMap<>();

  private ModelFolder(Path path, Map<Path, Safetensors> files) {
    this.path = path;
    this.files = files;
    files.values().forEach(file -> tensors.putAll(file.tensors()));
  }

  /**
   * Finds the weights, opens their files and checks that index and shards agree.
   *
   * @param path the folder
   * @return to be closed
   * @throws CheckpointException names the file or tensor that is missing or broken
   */
  public static ModelFolder open(Path path) throws CheckpointException {
    if (!Files.isDirectory(path)) {
      throw new CheckpointException(
          path,
          (Files.exists(path) ? "a file" : "no such folder")
              + ", needed a model folder with config.json and "
              + SINGLE);
    }
    if (present(path.resolve(SINGLE))) {
      Path file = path.resolve(SINGLE);
      return new ModelFolder(path, Map.of(file, Safetensors.open(file)));
    }
    if (present(path.resolve(INDEX))) {
      return openShards(path);
    }
    boolean pickled =
        present(path.resolve("pytorch_model.bin"))
            || present(path.resolve("pytorch_model.bin.index.json"));
    throw new CheckpointException(
        path,
        pickled
            ? "only pytorch_model.bin found, needed "
                + SINGLE
                + "; convert it with transformers:"
                + " AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)"
            : "no weights found, needed " + SINGLE + ", or " + INDEX + " and the shards it names");
  }

  /** A dangling link counts as present, so that its own error comes up. */
  private static boolean present(Path file) {
    return Files.exists(file) || Files.isSymbolicLink(file);
  }

  private static ModelFolder openShards(Path path) throws CheckpointException {
    Path index = path.resolve(INDEX);
    Map<String, List<String>> shards = readIndex(index);
    for (String shard : shards.keySet()) {
      if (!present(path.resolve(shard))) {
        throw new CheckpointException(
            path.resolve(shard), "missing, " + INDEX + " names it; download it");
      }
    }
    Map<Path, Safetensors> files = new LinkedHashMap<>();
    try {
      Map<String, Path> owners = new LinkedHashMap<>();
      for (Map.Entry<String, List<String>> shard : shards.entrySet()) {
        Path file = path.resolve(shard.getKey());
        files.put(file, Safetensors.open(file));
        checkShard(files.get(file), shard.getValue(), owners);
      }
      return new ModelFolder(path, files);
    } catch (CheckpointException | RuntimeException e) {
      for (Safetensors opened : files.values()) {
        opened.close();
      }
      throw e;
    }
  }

  private static void checkShard(Safetensors file, List<String> expected, Map<String, Path> owners)
      throws CheckpointException {
    for (String tensor : file.tensors().keySet()) {
      Path other = owners.put(tensor, file.path());
      if (other != null) {
        throw new CheckpointException(
            file.path(), tensor, "is also in " + other.getFileName() + ", needed once");
      }
    }
    for (String tensor : expected) {
      if (!file.tensors().containsKey(tensor)) {
        throw new CheckpointException(
            file.path(), tensor, "missing, " + INDEX + " says it is here; download both again");
      }
    }
    if (expected.size() != file.tensors().size()) {
      Set<String> unexpected = new LinkedHashSet<>(file.tensors().keySet());
      expected.forEach(unexpected::remove);
      throw new CheckpointException(
          file.path(),
          unexpected.iterator().next(),
          INDEX + " does not map it to this file; download both again");
    }
  }

  /** The tensors each shard must hold, by the shard's name. */
  private static Map<String, List<String>> readIndex(Path index) throws CheckpointException {
    JsonNode root;
    try {
      root = StrictJson.read(index, MAX_INDEX_BYTES);
    } catch (IOException e) {
      throw CheckpointException.of(index, e);
    }
    JsonNode map = root.path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw new CheckpointException(
          index, "weight_map: needed an object of tensor names and their files");
    }
    Map<String, List<String>> shards = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      if (!entry.getValue().isTextual()
          || !isPlainName(entry.getValue().textValue())
          || !entry.getValue().textValue().endsWith(".safetensors")) {
        String found =
            entry.getValue().isTextual()
                ? CheckpointException.quote(entry.getValue().textValue())
                : entry.getValue().getNodeType().toString().toLowerCase(Locale.ROOT);
        throw new CheckpointException(
            index,
            entry.getKey(),
            "weight_map gives "
                + found
                + ", needed the name of a .safetensors file in this folder");
      }
      shards
          .computeIfAbsent(entry.getValue().textValue(), shard -> new ArrayList<>())
          .add(entry.getKey());
    }
    return shards;
  }

  /** No separator of any system, no drive, no folder; links are for the file system to judge. */
  static boolean isPlainName(String name) {
    try {
      return !name.isEmpty()
          && !name.equals(".")
          && !name.equals("..")
          && name.codePoints().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ')
          && Path.of(name).getNameCount() == 1;
    } catch (InvalidPathException e) { // half a surrogate pair, or beyond the locale's charset
      return false;
    }
  }

  /**
   * The folder.
   *
   * @return as given
   */
  @Override
  public Path path() {
    return path;
  }

  /**
   * All tensors by name: files in the order of their names, tensors in the order of their data.
   *
   * @return unmodifiable
   */
  @Override
  public SequencedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSequencedMap(tensors);
  }

  /**
   * Reads a part of a tensor's bytes, as {@link Safetensors#read(TensorInfo, long, ByteBuffer)}.
   *
   * @param tensor one of {@link #tensors()}
   * @param byteOffset where in the tensor to start
   * @param out filled from its position to its limit
   * @throws CheckpointException where the file cannot be read or has been cut since it was opened
   * @throws IllegalArgumentException where the part is not inside the tensor
   * @throws IllegalStateException where this is closed
   */
  public void read(TensorInfo tensor, long byteOffset, ByteBuffer out) throws CheckpointException {
    owner(tensor).read(tensor, byteOffset, out);
  }

  /**
   * Reads a part of a tensor's bytes, as {@link Safetensors#read(TensorInfo, long, MemorySegment)}.
   *
   * @param tensor one of {@link #tensors()}
   * @param byteOffset where in the tensor to start
   * @param out overwritten; off-heap memory or a view of a {@code byte[]}
   * @throws CheckpointException where the file cannot be read or has been cut since it was opened
   * @throws IllegalArgumentException where the part is not inside the tensor
   * @throws IllegalStateException where this is closed
   */
  @Override
  public void read(TensorInfo tensor, long byteOffset, MemorySegment out)
      throws CheckpointException {
    owner(tensor).read(tensor, byteOffset, out);
  }

  private Safetensors owner(TensorInfo tensor) {
    Safetensors file = files.get(tensor.file());
    if (file == null) {
      throw new IllegalArgumentException(
          "tensor: " + CheckpointException.quote(tensor.name()) + " is not one of " + path);
    }
    return file;
  }

  /**
   * Closes every file.
   *
   * @throws CheckpointException where the system fails to
   */
  @Override
  public void close() throws CheckpointException {
    CheckpointException failure = null;
    for (Safetensors file : files.values()) {
      try {
        file.close();
      } catch (CheckpointException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
