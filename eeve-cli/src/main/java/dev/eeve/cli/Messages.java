package dev.eeve.cli;

import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** What went wrong, in one line that names what is at fault. */
final class Messages {
  private Messages() {}

  static String oneLine(Throwable e) {
    String message =
        switch (e) {
          case NoSuchFileException file -> file.getFile() + ": no such file";
          case AccessDeniedException file -> file.getFile() + ": permission denied";
          case FileSystemException file -> file.getFile() + ": " + file.getReason();
          case UncheckedIOException wrapped -> oneLine(wrapped.getCause());
          case OutOfMemoryError error ->
              "out of memory: "
                  + error.getMessage()
                  + "; give java more with EEVE_JAVA_OPTS=-Xmx… or use a smaller model";
          default -> e.getMessage() == null ? e.toString() : e.getMessage();
        };
    return message.lines().findFirst().orElse(e.toString());
  }

  /** The library's refusal of an argument, under the name the option has here. */
  static IllegalArgumentException under(
      String option, String argument, IllegalArgumentException refusal) {
    String message = oneLine(refusal);
    return message.startsWith(argument + ":")
        ? new IllegalArgumentException(option + message.substring(argument.length()), refusal)
        : refusal;
  }
}
