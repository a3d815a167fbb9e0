package dev.eeve.checkpoint;

import dev.eeve.internal.AtomicFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

/**
 * Tensors written one after the other in strips, behind a header, into a file that appears whole.
 * Used by one thread.
 */
final class TensorStream implements AutoCloseable {
  private final Path path;
  private final AtomicFile file;
  private final List<TensorSpec> order;
  private final int alignment;
  private int current;
  private long written;
  private boolean finished;

  private TensorStream(Path path, AtomicFile file, List<TensorSpec> order, int alignment) {
    this.path = path;
    this.file = file;
    this.order = order;
    this.alignment = alignment;
  }

  /** Starts a file with its header; zeros bring each tensor's end to a multiple of alignment. */
  static TensorStream create(Path path, ByteBuffer header, List<TensorSpec> order, int alignment)
      throws CheckpointException {
    try {
      AtomicFile file = AtomicFile.create(path);
      try {
        file.write(header);
        TensorStream stream = new TensorStream(path, file, order, alignment);
        stream.skipFull();
        return stream;
      } catch (IOException e) {
        file.close();
        throw e;
      }
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  List<TensorSpec> order() {
    return order;
  }

  void write(String name, MemorySegment bytes) throws CheckpointException {
    if (finished) {
      throw new IllegalStateException(path + ": written to after finish()");
    }
    String next = current < order.size() ? order.get(current).name() : "the end";
    if (!next.equals(name) && bytes.byteSize() > 0) {
      throw new IllegalArgumentException(
          "name: " + CheckpointException.quote(name) + ", it is the turn of " + next);
    }
    if (bytes.byteSize() == 0) {
      return;
    }
    long room = order.get(current).byteSize() - written;
    if (bytes.byteSize() > room) {
      throw new IllegalArgumentException(
          "bytes: " + bytes.byteSize() + ", tensor " + name + " has room for " + room);
    }
    try {
      file.write(bytes);
      written += bytes.byteSize();
      skipFull();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  private void skipFull() throws IOException {
    while (current < order.size() && written == order.get(current).byteSize()) {
      file.write(ByteBuffer.allocate(Math.floorMod(-written, alignment)));
      current++;
      written = 0;
    }
  }

  boolean isComplete() {
    return current == order.size();
  }

  /** Ends writing without showing the file yet. */
  AtomicFile stage() throws CheckpointException {
    if (!isComplete()) {
      TensorSpec tensor = order.get(current);
      throw new IllegalStateException(
          path
              + ": finished with "
              + written
              + " of "
              + tensor.byteSize()
              + " bytes of tensor "
              + CheckpointException.quote(tensor.name()));
    }
    finished = true;
    try {
      file.stage();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
    return file;
  }

  void finish() throws CheckpointException {
    try {
      stage().commit();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }

  @Override
  public void close() throws CheckpointException {
    try {
      file.close();
    } catch (IOException e) {
      throw CheckpointException.of(path, e);
    }
  }
}
