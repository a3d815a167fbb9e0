package dev.eeve.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.SequencedMap;

/**
 * A safetensors file open for reading: its header checked as the reference library does, its data
 * read in strips, never mapped. Several threads may read at once.
 *
 * <p>Interrupting a thread while it reads closes the file for all of them (that is how {@link
 * FileChannel} works); each then gets a {@link CheckpointException} that says so.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class Safetensors implements AutoCloseable {
  /** The reference library's limit; 453 tensors take 50 kB. */
  static final int MAX_HEADER_BYTES = 100_000_000;

  private final Path path;
  private final TensorData data;
  private final SafetensorsHeader header;

  private Safetensors(Path path, TensorData data, SafetensorsHeader header) {
    this.path = path;
    this.data = data;
    this.header = header;
  }

  /**
   * Opens a file and checks its header: every tensor's size is that of its shape and type, and the
   * tensors fill the data section without gap or overlap.
   *
   * @param path the file, or a symbolic link to it
   * @return to be closed
   * @throws CheckpointException names what is wrong with the file, and the tensor if one is
   */
  public static Safetensors open(Path path) throws CheckpointException {
    return TensorData.open(path, Safetensors::read);
  }

  private static Safetensors read(Path path, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < Long.BYTES) {
      throw new CheckpointException(
          path,
          size
              + " bytes, needed 8 for the header's length; it is cut off or no safetensors file,"
              + " download it again");
    }
    ByteBuffer word = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    TensorData.fill(channel, word, 0);
    long length = word.getLong(0);
    if (length < 0 || length > MAX_HEADER_BYTES) {
      throw new CheckpointException(
          path,
          "header length "
              + Long.toUnsignedString(length)
              + ", needed at most "
              + MAX_HEADER_BYTES
              + "; it is no safetensors file");
    }
    if (length > size - Long.BYTES) {
      throw new CheckpointException(
          path,
          "header length "
              + length
              + ", the file ends after "
              + (size - Long.BYTES)
              + "; it is cut off, download it again");
    }
    ByteBuffer json = ByteBuffer.allocate((int) length);
    TensorData.fill(channel, json, Long.BYTES);
    if (length == 0 || json.get(0) != '{') {
      throw new CheckpointException(
          path, "header does not start with '{'; it is no safetensors file");
    }
    long dataStart = Long.BYTES + length;
    SafetensorsHeader header = SafetensorsHeader.parse(path, json.array(), size - dataStart);
    return new Safetensors(
        path, new TensorData(path, channel, dataStart, header.tensors()), header);
  }

  /**
   * The file.
   *
   * @return as given
   */
  public Path path() {
    return path;
  }

  /**
   * The tensors by name, in the order of their data.
   *
   * @return unmodifiable
   */
  public SequencedMap<String, TensorInfo> tensors() {
    return Collections.unmodifiableSequencedMap(header.tensors());
  }

  /**
   * The free text under {@code __metadata__}, sorted by key.
   *
   * @return unmodifiable; empty where the file has none
   */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(header.metadata());
  }

  /**
   * Reads a part of a tensor's bytes, little-endian as stored. Thread-safe.
   *
   * @param tensor one of {@link #tensors()}
   * @param byteOffset where in the tensor to start
   * @param out filled from its position to its limit
   * @throws CheckpointException where the file cannot be read or has been cut since it was opened
   * @throws IllegalArgumentException where the part is not inside the tensor
   * @throws IllegalStateException where this is closed
   */
  public void read(TensorInfo tensor, long byteOffset, ByteBuffer out) throws CheckpointException {
    data.read(tensor, byteOffset, out);
  }

  /**
   * Reads a part of a tensor's bytes of any length, little-endian as stored. Thread-safe.
   *
   * @param tensor one of {@link #tensors()}
   * @param byteOffset where in the tensor to start
   * @param out overwritten; off-heap memory or a view of a {@code byte[]}
   * @throws CheckpointException where the file cannot be read or has been cut since it was opened
   * @throws IllegalArgumentException where the part is not inside the tensor
   * @throws IllegalStateException where this is closed
   */
  public void read(TensorInfo tensor, long byteOffset, MemorySegment out)
      throws CheckpointException {
    data.read(tensor, byteOffset, out);
  }

  /**
   * Closes the file; reading from it is an {@link IllegalStateException} from then on.
   *
   * @throws CheckpointException where the system fails to
   */
  @Override
  public void close() throws CheckpointException {
    data.close();
  }
}
