package dev.eeve.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedMap;

/** A model's tensors on disk, open for reading by several threads at once. */
public sealed interface Checkpoint extends AutoCloseable
    permits ModelFolder, NormalFloatFolder, Gguf {
  /**
   * Opens what a path names: a folder as {@link ModelFolder}, or as {@link NormalFloatFolder} where
   * it holds NF4; a file as {@link Gguf}.
   *
   * @param path a Hugging Face model folder or a GGUF file
   * @return to be closed
   * @throws CheckpointException names the file or tensor that is missing or broken
   */
  static Checkpoint open(Path path) throws CheckpointException {
    return Files.isRegularFile(path)
        ? Gguf.open(path)
        : NormalFloatFolder.of(ModelFolder.open(path));
  }

  /**
   * The folder or file.
   *
   * @return as given
   */
  Path path();

  /**
   * All tensors by their names there.
   *
   * @return unmodifiable
   */
  SequencedMap<String, TensorInfo> tensors();

  /**
   * Reads a part of a tensor's bytes of any length, little-endian as stored.
   *
   * @param tensor one of {@link #tensors()}
   * @param byteOffset where in the tensor to start
   * @param out overwritten; off-heap memory or a view of a {@code byte[]}
   * @throws CheckpointException where the file cannot be read or has been cut since it was opened
   * @throws IllegalArgumentException where the part is not inside the tensor
   * @throws IllegalStateException where this is closed
   */
  void read(TensorInfo tensor, long byteOffset, MemorySegment out) throws CheckpointException;

  @Override
  void close() throws CheckpointException;
}
