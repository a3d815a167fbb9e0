package dev.eeve.checkpoint;

import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.FileFailure;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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

  /** One call reads at most this much: a heap buffer is filled through a direct one of its size. */
  private static final int STRIP_BYTES = 1 << 20;

  private final Path path;
  private final FileChannel channel;
  private final long dataStart;
  private final SafetensorsHeader header;
  private volatile boolean closed;

  private Safetensors(Path path, FileChannel channel, long dataStart, SafetensorsHeader header) {
    this.path = path;
    this.channel = channel;
    this.dataStart = dataStart;
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
    try {
      FileFailure.checkRegular(path);
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      try {
        return read(path, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
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
    fill(channel, word, 0);
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
    fill(channel, json, Long.BYTES);
    if (length == 0 || json.get(0) != '{') {
      throw new CheckpointException(
          path, "header does not start with '{'; it is no safetensors file");
    }
    long dataStart = Long.BYTES + length;
    return new Safetensors(
        path, channel, dataStart, SafetensorsHeader.parse(path, json.array(), size - dataStart));
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
    checkPart(tensor, byteOffset, out.remaining());
    long at = dataStart + tensor.begin() + byteOffset;
    int limit = out.limit();
    try {
      while (out.position() < limit) {
        out.limit(Math.min(limit, out.position() + STRIP_BYTES));
        int strip = out.remaining();
        fill(channel, out, at);
        at += strip;
      }
    } catch (ClosedChannelException e) {
      if (closed) {
        throw new IllegalStateException(path + ": closed", e);
      }
      throw tensor.failure("a reading thread was interrupted; open the file again");
    } catch (IOException e) {
      throw tensor.failure(FileFailure.reason(e));
    } finally {
      out.limit(limit);
    }
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
    checkPart(tensor, byteOffset, out.byteSize());
    AtomicFile.checkBytes("out", out);
    for (long at = 0; at < out.byteSize(); at += STRIP_BYTES) {
      long strip = Math.min(STRIP_BYTES, out.byteSize() - at);
      read(tensor, byteOffset + at, out.asSlice(at, strip).asByteBuffer());
    }
  }

  private void checkPart(TensorInfo tensor, long byteOffset, long bytes) {
    if (!tensor.equals(header.tensors().get(tensor.name()))) {
      throw new IllegalArgumentException(
          "tensor: " + CheckpointException.quote(tensor.name()) + " is not one of " + path);
    }
    if (byteOffset < 0 || byteOffset > tensor.byteSize() - bytes) {
      throw new IllegalArgumentException(
          "byteOffset: "
              + byteOffset
              + " and "
              + bytes
              + " bytes, tensor "
              + CheckpointException.quote(tensor.name())
              + " has "
              + tensor.byteSize());
    }
  }

  private static void fill(FileChannel channel, ByteBuffer out, long at) throws IOException {
    while (out.hasRemaining()) {
      int got = channel.read(out, at);
      if (got < 0) {
        throw new EOFException(
            "the file ends at byte "
                + at
                + ", it was longer when opened; leave it alone meanwhile");
      }
      at += got;
    }
  }

  /**
   * Closes the file; reading from it is an {@link IllegalStateException} from then on.
   *
   * @throws CheckpointException where the system fails to
   */
  @Override
  public void close() throws CheckpointException {
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }
}
