package dev.eeve.cli;

import java.io.PrintStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.text.MessageFormat;
import java.util.Locale;
import java.util.ResourceBundle;

/** The library's warnings, a line each on stderr. */
public final class StderrLoggers extends System.LoggerFinder {
  /** For the service loader. */
  public StderrLoggers() {}

  @Override
  public Logger getLogger(String name, Module module) {
    return new OneLine(name);
  }

  private record OneLine(String name) implements Logger {
    @Override
    public String getName() {
      return name;
    }

    @Override
    public boolean isLoggable(Level level) {
      return level.getSeverity() >= Level.WARNING.getSeverity() && level != Level.OFF;
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
      if (isLoggable(level)) {
        PrintStream err = System.err;
        err.print("eeve: " + level.getName().toLowerCase(Locale.ROOT) + ": " + message + "\n");
      }
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String format, Object... values) {
      if (isLoggable(level)) {
        boolean plain = values == null || values.length == 0;
        log(level, bundle, plain ? format : MessageFormat.format(format, values), (Throwable) null);
      }
    }
  }
}
