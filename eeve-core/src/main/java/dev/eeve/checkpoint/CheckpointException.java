package dev.eeve.checkpoint;

import dev.eeve.internal.FileFailure;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A checkpoint's file is missing, broken or not what it should be. The message is one line: {@code
 * <file>: tensor "<name>": <found>, <needed>; <what to do>}.
 */
public final class CheckpointException extends IOException {
  private static final long serialVersionUID = 1;

  /** What comes from the file must not fill the log. */
  private static final int MAX_SHOWN = 200;

  /** The file or folder at fault. */
  private final transient Path path;

  /** The tensor at fault; null where none is. */
  private final String tensor;

  /**
   * A file at fault.
   *
   * @param path the file or folder
   * @param detail what was found, needed and to be done
   */
  public CheckpointException(Path path, String detail) {
    this(path, path + ": " + detail, null, null);
  }

  /**
   * A tensor at fault.
   *
   * @param path its file
   * @param tensor its name there
   * @param detail what was found, needed and to be done
   */
  public CheckpointException(Path path, String tensor, String detail) {
    this(path, path + ": tensor " + quote(tensor) + ": " + detail, tensor, null);
  }

  private CheckpointException(Path path, String message, String tensor, Throwable cause) {
    super(message, cause);
    this.path = path;
    this.tensor = tensor;
  }

  /**
   * A file that cannot be opened or read.
   *
   * @param path the file or folder
   * @param cause what the system or the JSON reader said
   * @return names the file once
   */
  public static CheckpointException of(Path path, IOException cause) {
    if (cause instanceof CheckpointException e) {
      return e;
    }
    String reason = FileFailure.reason(cause);
    boolean named = reason.startsWith(path + ": ") || reason.startsWith(path + File.separator);
    String message = named ? reason : path + ": " + reason;
    return new CheckpointException(path, message, null, cause);
  }

  /**
   * The file or folder at fault.
   *
   * @return null only in an exception that was serialized
   */
  public Path path() {
    return path;
  }

  /**
   * The tensor at fault, as the file spells it.
   *
   * @return empty where the file as a whole is at fault
   */
  public Optional<String> tensor() {
    return Optional.ofNullable(tensor);
  }

  /**
   * A name out of a file, fit for one line.
   *
   * @param name any text
   * @return in quotation marks, without control characters, cut where it is long
   */
  public static String quote(String name) {
    return '"' + FileFailure.printable(name, MAX_SHOWN) + '"';
  }
}
