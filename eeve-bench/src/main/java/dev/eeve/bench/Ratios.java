package dev.eeve.bench;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * JMH with all its options, and after its own results one line for each benchmark: how much of the
 * machine's limit, measured in the same run, it reached and how much it must. With {@code --check}
 * too low a ratio fails the run.
 */
public final class Ratios {
  private static final String CHECK = "--check";

  private Ratios() {}

  /**
   * Runs JMH.
   *
   * @param args JMH's options, and {@code --check}
   * @throws IOException if JMH cannot print its lists
   */
  public static void main(String[] args) throws IOException {
    int code = run(args, System.out);
    if (code != 0) {
      System.exit(code);
    }
  }

  static int run(String[] args, PrintStream out) throws IOException {
    List<String> rest = new ArrayList<>(Arrays.asList(args));
    boolean check = rest.removeAll(List.of(CHECK));
    String[] options = rest.toArray(String[]::new);
    try {
      CommandLineOptions parsed = new CommandLineOptions(options);
      if (parsed.shouldHelp()
          || parsed.shouldList()
          || parsed.shouldListWithParams()
          || parsed.shouldListProfilers()
          || parsed.shouldListResultFormats()) {
        org.openjdk.jmh.Main.main(options);
        return 0;
      }
      return measure(parsed, check, out);
    } catch (CommandLineOptionException e) {
      out.println("options: " + e.getMessage() + ", needed JMH's own or --check; -h lists them");
      return 2;
    }
  }

  private static int measure(Options options, boolean check, PrintStream out) throws IOException {
    Options own = new OptionsBuilder().parent(options).addProfiler(LimitsProfiler.class).build();
    Collection<RunResult> results;
    try {
      results = new Runner(own).run();
    } catch (NoBenchmarksException e) {
      out.println("benchmarks: none matches, needed a part of a name; -l lists them");
      return 2;
    } catch (RunnerException e) {
      out.println("benchmarks: " + e.getMessage());
      return 2;
    }
    return report(RatioRow.of(results, RequiredRatios.read()), check, out);
  }

  static int report(List<RatioRow> rows, boolean check, PrintStream out) {
    out.println();
    RatioRow.print(rows, out);
    if (!check) {
      return 0;
    }
    long low = rows.stream().filter(row -> row.verdict() == RatioRow.Verdict.LOW).count();
    out.println(low == 0 ? "check: every ratio is reached" : "check: " + low + " too low");
    return low == 0 ? 0 : 1;
  }
}
