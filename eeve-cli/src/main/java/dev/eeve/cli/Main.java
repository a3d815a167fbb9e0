package dev.eeve.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The eeve command: arguments and printing around the library's public API. */
@Command(
    name = "eeve",
    description = "Korean language models on the JVM.",
    mixinStandardHelpOptions = true,
    version = "eeve 0.1.0-SNAPSHOT",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      GenerateCommand.class,
      ScoreCommand.class,
      TokenizeCommand.class,
      InfoCommand.class,
      BenchCommand.class,
      ExpandCommand.class
    })
public final class Main implements Runnable {
  @Option(
      names = "--debug",
      scope = CommandLine.ScopeType.INHERIT,
      description = "Print stack traces.")
  private boolean debug;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  private Main() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing; see eeve --help");
  }

  /**
   * Runs one command.
   *
   * @param out results, UTF-8 whatever the locale
   * @param err everything else
   * @param args the command line
   * @return 0 done, 2 wrong usage, 1 anything else
   */
  static int run(PrintStream out, PrintStream err, String... args) {
    Main main = new Main();
    CommandLine line = new CommandLine(main, new Output.Factory(out));
    line.setOut(new java.io.PrintWriter(out, true, StandardCharsets.UTF_8));
    line.setErr(new java.io.PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setParameterExceptionHandler(
        (e, unused) -> {
          err.println("eeve: " + oneLine(e));
          return 2;
        });
    line.setExecutionExceptionHandler(
        (e, command, result) -> {
          if (main.debug) {
            e.printStackTrace(err);
          }
          err.println("eeve: " + oneLine(e));
          return e instanceof UsageException ? 2 : 1;
        });
    int code = line.execute(args);
    out.flush();
    return out.checkError() && code == 0 ? 1 : code;
  }

  private static String oneLine(Throwable e) {
    String message =
        switch (e) {
          case NoSuchFileException missing -> missing.getFile() + ": no such file";
          case UncheckedIOException wrapped -> oneLine(wrapped.getCause());
          case OutOfMemoryError error -> "out of memory: " + error.getMessage();
          default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    return message.lines().findFirst().orElse(e.getClass().getSimpleName());
  }

  /**
   * Entry point.
   *
   * @param args the command line
   */
  public static void main(String[] args) {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
    System.exit(run(out, System.err, args));
  }
}
