package dev.eeve.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
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
      TrainCommand.class,
      EvalCommand.class,
      InfoCommand.class,
      BenchCommand.class,
      ExpandCommand.class,
      QuantizeCommand.class,
      MergeCommand.class,
      RecipeCommand.class
    })
public final class Main implements Runnable {
  /** The launcher tells which of stdout (1) and stderr (2) are terminals. */
  static final String TERMINALS = "eeve.terminals";

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
   * @return 0 done, 2 what the command line alone shows to be wrong, 1 anything else
   */
  static int run(OutputStream out, PrintStream err, String... args) {
    Main main = new Main();
    Output output = new Output(out);
    boolean terminal = System.getProperty(TERMINALS, "").contains("2");
    CommandLine line =
        new CommandLine(main, new Console(output, err, terminal).factory())
            .setExpandAtFiles(false) // a text may begin with @
            .setAllowOptionsAsOptionParameters(true); // or as an option does
    CommandLine expand = line.getSubcommands().get("expand");
    expand.setAllowOptionsAsOptionParameters(false); // an option ends its lists of files
    StringWriter help = new StringWriter();
    line.setOut(new PrintWriter(help));
    line.setParameterExceptionHandler((e, unused) -> main.failed(e, err));
    line.setExecutionExceptionHandler((e, command, result) -> main.failed(e, err));
    try {
      int code = line.execute(args);
      output.text(help.toString().replace(System.lineSeparator(), "\n"));
      output.flush();
      return code;
    } catch (RuntimeException | Error e) { // picocli hands on errors, and flushing may fail
      return main.failed(e, err);
    }
  }

  private int failed(Throwable e, PrintStream err) {
    if (debug) {
      e.printStackTrace(err);
    }
    if (!(e instanceof Output.Failure failure) || !failure.isReaderGone()) {
      err.print("eeve: " + Messages.oneLine(e) + "\n");
    }
    err.flush();
    return e instanceof UsageException || e instanceof ParameterException ? 2 : 1;
  }

  /**
   * Entry point.
   *
   * @param args the command line
   */
  public static void main(String[] args) {
    PrintStream err =
        new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
    System.setErr(err); // warnings are UTF-8 too
    System.exit(run(new FileOutputStream(FileDescriptor.out), err, args));
  }
}
