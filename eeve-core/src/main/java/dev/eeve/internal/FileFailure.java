package dev.eeve.internal;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/** What went wrong with a file, in words: the JDK's own messages are often just its name. */
public final class FileFailure {
  /** A path and a sentence fit; a hostile file's text must not fill the log. */
  private static final int MAX_REASON = 5_000;

  private FileFailure() {}

  /**
   * An exception that says it.
   *
   * @param file the file at fault
   * @param cause what the system said
   * @return with the message {@code <file>: <what happened>} and the cause
   */
  public static IOException of(Path file, IOException cause) {
    return new IOException(file + ": " + reason(cause), cause);
  }

  /**
   * What the system said, without the file's name.
   *
   * @param cause as thrown by a file operation
   * @return one line
   */
  public static String reason(IOException cause) {
    String reason =
        switch (cause) {
          case NoSuchFileException e -> "no such file or folder";
          case AccessDeniedException e -> "permission denied";
          case ClosedByInterruptException e -> "the thread was interrupted";
          case FileSystemException e when e.getReason() != null -> e.getReason();
          case IOException e when e.getMessage() != null -> e.getMessage();
          default -> cause.getClass().getSimpleName();
        };
    return printable(reason, MAX_REASON);
  }

  /**
   * Text that may come out of a file, fit for a line of a message.
   *
   * @param text any
   * @param limit what it is cut to, in characters
   * @return without control characters
   */
  public static String printable(String text, int limit) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .limit(limit)
        .forEach(
            c -> {
              if (Character.isISOControl(c)) {
                out.append(String.format(Locale.ROOT, "\\u%04x", c));
              } else {
                out.appendCodePoint(c);
              }
            });
    return text.codePointCount(0, text.length()) > limit
        ? out.append('…').toString()
        : out.toString();
  }

  /**
   * Why a path cannot be read as a file, asked before opening it: opening a folder succeeds and
   * opening a pipe waits for ever.
   *
   * @param file any path
   * @throws IOException unless it is a regular file, through symbolic links or not
   */
  public static void checkRegular(Path file) throws IOException {
    if (Files.isRegularFile(file)) {
      return;
    }
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": a folder, needed a file");
    }
    if (Files.exists(file)) {
      throw new IOException(file + ": a device, pipe or socket, needed a regular file");
    }
    if (Files.isSymbolicLink(file)) {
      throw new IOException(
          file
              + ": a symbolic link to "
              + Files.readSymbolicLink(file)
              + ", which does not exist; download the file again");
    }
    throw new NoSuchFileException(file.toString());
  }
}
