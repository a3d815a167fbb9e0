package dev.eeve.cli;

import java.io.PrintStream;
import picocli.CommandLine;

/**
 * Where a run's results and messages go.
 *
 * @param out results
 * @param err everything else
 * @param progress whether a line may show how far a long job has come: on a terminal only
 */
record Console(Output out, PrintStream err, boolean progress) {
  /** Gives every command its console. */
  CommandLine.IFactory factory() {
    return new CommandLine.IFactory() {
      @Override
      public <K> K create(Class<K> type) throws Exception {
        K made = CommandLine.defaultFactory().create(type);
        if (made instanceof BaseCommand command) {
          command.console = Console.this;
          command.output = out;
        }
        return made;
      }
    };
  }
}
