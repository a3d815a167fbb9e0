package dev.eeve.checkpoint;

import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.FileFailure;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SequencedMap;

/** The data section of an open file: reads parts of its tensors, by several threads at once. */
final class TensorData {
  /** One call reads at most this much: a heap buffer is filled through a direct one of its size. */
  private static final int STRIP_BYTES = 1 << 20;

  private final Path path;
  private final FileChannel channel;
  private final long dataStart;
  private final SequencedMap<String, TensorInfo> tensors;
  private volatile boolean closed;

  TensorData(
      Path path, FileChannel channel, long dataStart, SequencedMap<String, TensorInfo> tensors) {
    this.path = path;
    this.channel = channel;
    this.dataStart = dataStart;
    this.tensors = tensors;
  }

  /** What reads an opened file's header. */
  @FunctionalInterface
  interface HeaderReader<T> {
    T read(Path path, FileChannel channel) throws IOException;
  }

  /** Opens a regular file; the channel stays open only where the reader succeeds. */
  static <T> T open(Path path, HeaderReader<T> reader) throws CheckpointException {
    try {
      FileFailure.checkRegular(path);
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      try {
        return reader.read(path, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  void read(TensorInfo tensor, long byteOffset, ByteBuffer out) throws CheckpointException {
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

  void read(TensorInfo tensor, long byteOffset, MemorySegment out) throws CheckpointException {
    checkPart(tensor, byteOffset, out.byteSize());
    AtomicFile.checkBytes("out", out);
    for (long at = 0; at < out.byteSize(); at += STRIP_BYTES) {
      long strip = Math.min(STRIP_BYTES, out.byteSize() - at);
      read(tensor, byteOffset + at, out.asSlice(at, strip).asByteBuffer());
    }
  }

  private void checkPart(TensorInfo tensor, long byteOffset, long bytes) {
    if (!tensor.equals(tensors.get(tensor.name()))) {
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

  /** Fills a buffer to its limit from a place of the file. */
  static void fill(FileChannel channel, ByteBuffer out, long at) throws IOException {
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

  void close() throws CheckpointException {
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }
}
