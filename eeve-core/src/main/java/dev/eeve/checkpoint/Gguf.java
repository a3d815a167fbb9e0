package dev.eeve.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.SequencedMap;

/**
 * A GGUF file open for reading: its header checked as llama.cpp does, its data read in strips,
 * never mapped. Shapes are outermost first, as everywhere here; the file has them the other way
 * round. Interrupting a thread while it reads closes the file for all of them.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a>
 */
public final class Gguf implements Checkpoint {
  private final Path path;
  private final TensorData data;
  private final GgufHeader header;

  private Gguf(Path path, TensorData data, GgufHeader header) {
    this.path = path;
    this.data = data;
    this.header = header;
  }

  /**
   * Opens a file and checks its header: versions 2 and 3, every key once, every tensor's size that
   * of its shape and type, and the tensors one after the other in the data section.
   *
   * @param path the file, or a symbolic link to it
   * @return to be closed
   * @throws CheckpointException names what is wrong with the file, and the key or tensor if one is
   */
  public static Gguf open(Path path) throws CheckpointException {
    return TensorData.open(
        path,
        (file, channel) -> {
          GgufHeader header = GgufHeader.read(file, channel);
          return new Gguf(
              file, new TensorData(file, channel, header.dataStart(), header.tensors()), header);
        });
  }

  @Override
  public Path path() {
    return path;
  }

  /**
   * The version of the format.
   *
   * @return 2 or 3
   */
  public int version() {
    return header.version();
  }

  /**
   * The keys before the tensors.
   *
   * @return unmodifiable
   */
  public GgufMetadata metadata() {
    return header.metadata();
  }

  @Override
  public SequencedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSequencedMap(header.tensors());
  }

  @Override
  public void read(TensorInfo tensor, long byteOffset, MemorySegment out)
      throws CheckpointException {
    data.read(tensor, byteOffset, out);
  }

  @Override
  public void close() throws CheckpointException {
    data.close();
  }
}
