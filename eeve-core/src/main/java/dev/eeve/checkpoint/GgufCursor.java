package dev.eeve.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads a GGUF header in order. Nothing is allocated before the file is known to hold it. */
final class GgufCursor {
  private static final int WINDOW_BYTES = 1 << 16;

  private final Path file;
  private final FileChannel channel;
  private final long size;
  private final ByteBuffer window =
      ByteBuffer.allocate(WINDOW_BYTES).order(ByteOrder.LITTLE_ENDIAN).limit(0);

  /** Where in the file the window ends. */
  private long windowEnd;

  GgufCursor(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    this.size = channel.size();
  }

  Path file() {
    return file;
  }

  long position() {
    return windowEnd - window.remaining();
  }

  long remaining() {
    return size - position();
  }

  byte int8(String what) throws IOException {
    return take(1, what).get();
  }

  short int16(String what) throws IOException {
    return take(2, what).getShort();
  }

  int int32(String what) throws IOException {
    return take(4, what).getInt();
  }

  long int64(String what) throws IOException {
    return take(8, what).getLong();
  }

  /** The window, with at least so many bytes in it. */
  private ByteBuffer take(int bytes, String what) throws IOException {
    if (window.remaining() < bytes) {
      require(bytes, what);
      window.compact();
      int room = (int) Math.min(window.remaining(), size - windowEnd);
      window.limit(window.position() + room);
      TensorData.fill(channel, window, windowEnd);
      windowEnd += room;
      window.flip();
    }
    return window;
  }

  private void require(long bytes, String what) throws CheckpointException {
    if (bytes > remaining()) {
      throw new CheckpointException(
          file,
          "ends at byte %d, inside %s, which needs %d bytes from byte %d; it is cut off, download it again"
              .formatted(size, what, bytes, position()));
    }
  }

  /** An unsigned count: refused above its limit or where the file cannot hold that many. */
  long count(String what, long limit, int leastBytes) throws IOException {
    long at = position();
    long count = int64(what);
    if (count < 0 || count > limit) {
      throw new CheckpointException(
          file,
          "%s: %s at byte %d, needed at most %d; the file is broken, download it again"
              .formatted(what, Long.toUnsignedString(count), at, limit));
    }
    require(count * leastBytes, what);
    return count;
  }

  String string(String what, int limit) throws IOException {
    int length = (int) count(what, limit, 1);
    byte[] bytes = new byte[length];
    for (int at = 0; at < length; ) {
      ByteBuffer next = take(1, what);
      int part = Math.min(next.remaining(), length - at);
      next.get(bytes, at, part);
      at += part;
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(
          file, what + ": not valid UTF-8 before byte " + position() + "; download the file again");
    }
  }
}
