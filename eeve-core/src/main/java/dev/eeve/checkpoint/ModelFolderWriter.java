package dev.eeve.checkpoint;

import dev.eeve.internal.AtomicFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Writes the weights of a Hugging Face model folder, and whatever belongs with them, as
 * transformers lays it out: one file, or shards with an index. Every file is complete on disk
 * before the first one takes its place in {@link #finish()}; weights the folder had under other
 * names are then removed, since a reader might prefer them. Used by one thread.
 */
public final class ModelFolderWriter implements AutoCloseable {
  /** What transformers splits at by default. */
  public static final long MAX_SHARD_BYTES = 5_000_000_000L;

  private static final Map<String, String> METADATA = Map.of("format", "pt");
  private static final Pattern SHARD = Pattern.compile("model-\\d{5}-of-\\d{5}\\.safetensors");

  private final Path path;

  /** What each file of weights will hold, in its own order. */
  private final List<List<TensorSpec>> plan;

  private final List<AtomicFile> staged = new ArrayList<>();
  private final List<AtomicFile> companions = new ArrayList<>();
  private SafetensorsWriter writer;
  private boolean finished;

  private ModelFolderWriter(Path path, List<List<TensorSpec>> plan) {
    this.path = path;
    this.plan = plan;
  }

  /**
   * Plans the files.
   *
   * @param path the folder; made if it is not there
   * @param tensors all weights, in the order in which shards are filled
   * @param maxShardBytes the most data a shard holds, but for a tensor that is larger by itself;
   *     {@link #MAX_SHARD_BYTES} is usual
   * @return to be written to in {@link #order()}, finished and closed
   * @throws IllegalArgumentException where there is no tensor, or two have one name
   * @throws CheckpointException where the folder cannot be made or written to
   */
  public static ModelFolderWriter create(Path path, List<TensorSpec> tensors, long maxShardBytes)
      throws CheckpointException {
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException("tensors: none, needed at least one");
    }
    SafetensorsWriter.inFileOrder(tensors); // refuses a name that would be in two shards
    List<List<TensorSpec>> plan =
        shards(tensors, maxShardBytes).stream().map(SafetensorsWriter::inFileOrder).toList();
    ModelFolderWriter folder = new ModelFolderWriter(path, plan);
    try {
      Files.createDirectories(path);
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
    folder.openNext();
    return folder;
  }

  /** Filled greedily in the order given, as transformers does. */
  static List<List<TensorSpec>> shards(List<TensorSpec> tensors, long maxShardBytes) {
    List<List<TensorSpec>> shards = new ArrayList<>();
    List<TensorSpec> current = new ArrayList<>();
    long bytes = 0;
    for (TensorSpec tensor : tensors) {
      if (tensor.byteSize() > maxShardBytes) {
        shards.add(List.of(tensor));
        continue;
      }
      if (bytes + tensor.byteSize() > maxShardBytes) {
        shards.add(current);
        current = new ArrayList<>();
        bytes = 0;
      }
      current.add(tensor);
      bytes += tensor.byteSize();
    }
    if (!current.isEmpty()) {
      shards.add(current);
    }
    return shards;
  }

  /**
   * The tensors in the order in which their bytes must be written.
   *
   * @return unmodifiable
   */
  public List<TensorSpec> order() {
    return plan.stream().flatMap(List::stream).toList();
  }

  /**
   * Appends the next strip of the tensor at hand, as {@link SafetensorsWriter#write}.
   *
   * @param name its name; the next of {@link #order()} once the one before is complete
   * @param bytes little-endian elements; off-heap memory or a view of a {@code byte[]}
   * @throws IllegalArgumentException out of order, or more than the tensor takes
   * @throws IllegalStateException after {@link #finish()}
   * @throws CheckpointException as when the disk is full; the writer can then only be closed
   */
  public void write(String name, MemorySegment bytes) throws CheckpointException {
    checkOpen();
    writer.write(name, bytes);
    stageComplete();
  }

  /**
   * Adds a file that shall appear together with the weights, such as {@code config.json}.
   *
   * @param name its name in the folder
   * @param content all of it
   * @throws IllegalArgumentException where the name is that of weights, or leads out of the folder
   * @throws IllegalStateException after {@link #finish()}
   * @throws CheckpointException as when the disk is full
   */
  public void addFile(String name, byte[] content) throws CheckpointException {
    checkOpen();
    if (isWeights(name) || !ModelFolder.isPlainName(name)) {
      throw new IllegalArgumentException(
          "name: " + name + ", needed the plain name of a file that is no weights");
    }
    Path file = path.resolve(name);
    try {
      AtomicFile companion = AtomicFile.create(file);
      companions.add(companion);
      companion.write(ByteBuffer.wrap(content));
      companion.stage();
    } catch (IOException e) {
      throw CheckpointException.of(file, e);
    }
  }

  private void checkOpen() {
    if (finished) {
      throw new IllegalStateException(path + ": written to after finish()");
    }
  }

  /** One by one, not all at once: a plan may have more shards than the system has handles. */
  private void openNext() throws CheckpointException {
    int shard = staged.size();
    writer = SafetensorsWriter.create(path.resolve(fileName(shard)), plan.get(shard), METADATA);
    stageComplete();
  }

  private void stageComplete() throws CheckpointException {
    if (writer.isComplete() && staged.size() + 1 < plan.size()) {
      staged.add(writer.stage());
      openNext();
    }
  }

  private String fileName(int shard) {
    return plan.size() == 1
        ? ModelFolder.SINGLE
        : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", shard + 1, plan.size());
  }

  /**
   * Forces everything to disk, then puts it in place: added files, weights, index; then removes
   * older weights under other names.
   *
   * @throws IllegalStateException where bytes are missing
   * @throws CheckpointException where the system fails to; an old index or file may by then be gone
   */
  public void finish() throws CheckpointException {
    checkOpen();
    List<AtomicFile> files = new ArrayList<>(companions);
    files.addAll(staged);
    files.add(writer.stage());
    finished = true;
    try {
      if (plan.size() > 1) {
        AtomicFile index = AtomicFile.create(path.resolve(ModelFolder.INDEX));
        companions.add(index);
        index.write(ByteBuffer.wrap(index()));
        index.stage();
        files.add(index);
      }
      Set<Path> kept = new HashSet<>();
      for (AtomicFile file : files) {
        file.publish();
        kept.add(file.target());
      }
      removeOtherWeights(kept);
      AtomicFile.forceFolder(path.resolve(ModelFolder.SINGLE));
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  private void removeOtherWeights(Set<Path> kept) throws IOException {
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(path, entry -> isWeights(entry.getFileName().toString()))) {
      for (Path entry : entries) {
        if (!kept.contains(entry)) {
          Files.delete(entry);
        }
      }
    }
  }

  private static boolean isWeights(String name) {
    return name.equals(ModelFolder.SINGLE)
        || name.equals(ModelFolder.INDEX)
        || SHARD.matcher(name).matches();
  }

  /** As Python's {@code json.dumps(index, indent=2, sort_keys=True)}. */
  private byte[] index() {
    Map<String, String> map = new TreeMap<>(JsonStrings.CODE_POINTS);
    long total = 0;
    for (int shard = 0; shard < plan.size(); shard++) {
      for (TensorSpec tensor : plan.get(shard)) {
        map.put(tensor.name(), fileName(shard));
        total += tensor.byteSize();
      }
    }
    List<String> lines = new ArrayList<>();
    map.forEach(
        (name, file) ->
            lines.add("    " + JsonStrings.quoteAscii(name) + ": " + JsonStrings.quoteAscii(file)));
    String json =
        "{\n  \"metadata\": {\n    \"total_size\": "
            + total
            + "\n  },\n  \"weight_map\": {\n"
            + String.join(",\n", lines)
            + "\n  }\n}\n";
    return json.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Ends; what was not finished leaves no trace.
   *
   * @throws CheckpointException where the system fails to delete a file
   */
  @Override
  public void close() throws CheckpointException {
    CheckpointException failure = null;
    List<AtomicFile> files = new ArrayList<>(companions);
    files.addAll(staged);
    for (AtomicFile file : files) {
      try {
        file.close();
      } catch (IOException e) {
        failure = CheckpointException.of(file.target(), e);
      }
    }
    if (writer != null) {
      writer.close();
    }
    if (failure != null) {
      throw failure;
    }
  }
}
