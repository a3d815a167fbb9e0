package dev.eeve.internal;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file that appears whole or not at all: it is written under another name beside its place,
 * forced to disk and renamed. Used by one thread.
 *
 * <p>{@link #stage()} and {@link #publish()} are apart so that several files can be complete before
 * the first one appears; {@link #commit()} does both.
 */
public final class AtomicFile implements AutoCloseable {
  /** One call writes at most this much: a heap buffer is copied to a direct one of its size. */
  private static final long STRIP_BYTES = 1 << 20;

  private final Path target;
  private final Path partial;
  private final FileChannel channel;
  private boolean failed;
  private boolean published;

  AtomicFile(Path target, Path partial, FileChannel channel) {
    this.target = target;
    this.partial = partial;
    this.channel = channel;
  }

  /**
   * Starts a file. Nothing is seen at its place, and what was there stays, until it is published.
   *
   * @param target its place; the folder must exist
   * @return open for writing
   * @throws IOException names the file and why it cannot be written there
   */
  public static AtomicFile create(Path target) throws IOException {
    if (Files.isDirectory(target)) {
      throw new IOException(target + ": a folder, needed a file name to write to");
    }
    String suffix = Long.toHexString(ThreadLocalRandom.current().nextLong());
    Path partial = target.resolveSibling("." + target.getFileName() + "." + suffix + ".partial");
    try {
      return new AtomicFile(
          target,
          partial,
          FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    } catch (IOException e) {
      throw FileFailure.of(target, e);
    }
  }

  /**
   * Writes a small file at once.
   *
   * @param target its place; the folder must exist
   * @param content all of it
   * @throws IOException names the file; it is then as it was before
   */
  public static void write(Path target, byte[] content) throws IOException {
    try (AtomicFile file = create(target)) {
      file.write(ByteBuffer.wrap(content));
      file.commit();
    }
  }

  /**
   * Where the file will be.
   *
   * @return as given
   */
  public Path target() {
    return target;
  }

  /**
   * Appends what remains in a buffer.
   *
   * @param bytes read to its limit
   * @throws IOException names the file, as when the disk is full; it can then only be closed
   */
  public void write(ByteBuffer bytes) throws IOException {
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      failed = true;
      throw FileFailure.of(target, e);
    }
  }

  /**
   * Appends memory of any length.
   *
   * @param bytes off-heap memory or a view of a {@code byte[]}
   * @throws IOException names the file, as when the disk is full; it can then only be closed
   * @throws IllegalArgumentException for another kind of array
   */
  public void write(MemorySegment bytes) throws IOException {
    checkBytes("bytes", bytes);
    for (long at = 0; at < bytes.byteSize(); at += STRIP_BYTES) {
      long strip = Math.min(STRIP_BYTES, bytes.byteSize() - at);
      write(bytes.asSlice(at, strip).asByteBuffer());
    }
  }

  /**
   * Refuses memory that file channels cannot take.
   *
   * @param argument the caller's name for it
   * @param bytes off-heap memory or a view of a {@code byte[]}
   * @throws IllegalArgumentException for another kind of array
   */
  public static void checkBytes(String argument, MemorySegment bytes) {
    if (bytes.heapBase().isPresent() && !(bytes.heapBase().get() instanceof byte[])) {
      throw new IllegalArgumentException(
          argument
              + ": a view of "
              + bytes.heapBase().get().getClass().getSimpleName()
              + ", needed off-heap memory or a byte[]");
    }
  }

  /**
   * Forces what was written to disk and ends writing.
   *
   * @throws IOException names the file
   * @throws IllegalStateException after a failed write
   */
  public void stage() throws IOException {
    if (failed) {
      throw new IllegalStateException(target + ": an earlier write failed");
    }
    if (!channel.isOpen()) {
      return;
    }
    try {
      channel.force(true);
      channel.close();
    } catch (IOException e) {
      failed = true;
      throw FileFailure.of(target, e);
    }
  }

  /**
   * Moves the staged file to its place, over what was there.
   *
   * @throws IOException names the file
   * @throws IllegalStateException before {@link #stage()}
   */
  public void publish() throws IOException {
    if (channel.isOpen()) {
      throw new IllegalStateException(target + ": published before it was staged");
    }
    try {
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw FileFailure.of(target, e);
    }
    published = true;
  }

  /**
   * Stages, publishes and makes the new name last.
   *
   * @throws IOException names the file
   * @throws IllegalStateException after a failed write
   */
  public void commit() throws IOException {
    stage();
    publish();
    forceFolder(target);
  }

  /**
   * Makes new names in a folder outlast a power failure.
   *
   * @param published any file in it
   * @throws IOException names the folder
   */
  public static void forceFolder(Path published) throws IOException {
    Path folder = published.toAbsolutePath().getParent();
    if (!folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      return; // elsewhere a folder cannot be opened, and renames are written through
    }
    try (FileChannel names = FileChannel.open(folder, StandardOpenOption.READ)) {
      names.force(true);
    } catch (IOException e) {
      throw FileFailure.of(folder, e);
    }
  }

  /**
   * Ends; what was not published is deleted.
   *
   * @throws IOException names the file
   */
  @Override
  public void close() throws IOException {
    if (published) {
      return;
    }
    try (channel) {
      Files.deleteIfExists(partial);
    } catch (IOException e) {
      throw FileFailure.of(partial, e);
    }
  }
}
