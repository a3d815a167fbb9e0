package dev.eeve.bench;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * One benchmark beside its limit.
 *
 * @param benchmark its name and parameters
 * @param kernels vector length or {@code scalar}; empty where no kernel runs
 * @param time of one call, with its unit
 * @param rate in {@code unit}
 * @param unit of rate and limit
 * @param limitName whose limit it is
 * @param limit measured in the same run; empty if it was not
 * @param required the least ratio; empty where nothing is asked
 */
record RatioRow(
    String benchmark,
    String kernels,
    String time,
    double rate,
    String unit,
    String limitName,
    OptionalDouble limit,
    OptionalDouble required) {
  private static final String[] TITLES = {
    "benchmark", "kernels", "time", "rate", "limit", "ratio", "required", "ok?"
  };

  /** Whether the required ratio is reached. */
  enum Verdict {
    OK,
    LOW,
    NOT_ASKED
  }

  /** A rate and its limit. */
  private record Yardstick(double rate, OptionalDouble limit, String unit, String name) {
    double share() {
      return limit.isPresent() ? rate / limit.getAsDouble() : 0;
    }
  }

  static List<RatioRow> of(Collection<RunResult> results, RequiredRatios required) {
    List<RatioRow> rows = new ArrayList<>();
    for (RunResult result : results) {
      yardstick(result, results).ifPresent(limit -> rows.add(row(result, limit, required)));
    }
    return rows;
  }

  private static RatioRow row(RunResult result, Yardstick limit, RequiredRatios required) {
    String name = name(result.getParams());
    Result<?> time = result.getPrimaryResult();
    OptionalDouble bits = score(result, LimitsProfiler.BITS);
    String kernels = "";
    if (bits.isPresent()) {
      kernels = bits.getAsDouble() == 0 ? "scalar" : (int) bits.getAsDouble() + " bits";
    }
    return new RatioRow(
        name,
        kernels,
        String.format(Locale.ROOT, "%.1f %s", time.getScore(), time.getScoreUnit()),
        limit.rate(),
        limit.unit(),
        limit.name(),
        limit.limit(),
        required.of(name));
  }

  /** The class and method, then the parameters in the order of their names. */
  static String name(BenchmarkParams params) {
    String[] parts = params.getBenchmark().split("\\.");
    StringBuilder name = new StringBuilder(parts[parts.length - 2] + "." + parts[parts.length - 1]);
    params.getParamsKeys().stream()
        .sorted()
        .forEach(key -> name.append(' ').append(key).append('=').append(params.getParam(key)));
    return name.toString();
  }

  /** The limit that a benchmark comes closest to: no faster call is possible there. */
  private static Optional<Yardstick> yardstick(RunResult result, Collection<RunResult> all) {
    OptionalDouble text = score(result, LimitsProfiler.TEXT);
    if (text.isPresent()) {
      String peer = name(result.getParams()).startsWith("Counting") ? "jdk" : "jtokkit";
      return Optional.of(new Yardstick(text.getAsDouble(), rate(peer, result, all), "MB/s", peer));
    }
    Optional<Yardstick> flops =
        yardstick(result, LimitsProfiler.FLOPS, LimitsProfiler.FLOPS_LIMIT, "GFLOP/s", "fma");
    Optional<Yardstick> bytes =
        yardstick(result, LimitsProfiler.BYTES, LimitsProfiler.BYTES_LIMIT, "GB/s", "read");
    if (flops.isPresent() && bytes.isPresent()) {
      return flops.get().share() > bytes.get().share() ? flops : bytes;
    }
    return flops.or(() -> bytes);
  }

  private static Optional<Yardstick> yardstick(
      RunResult result, String rate, String limit, String unit, String name) {
    OptionalDouble found = score(result, rate);
    return found.isEmpty()
        ? Optional.empty()
        : Optional.of(new Yardstick(found.getAsDouble(), score(result, limit), unit, name));
  }

  private static OptionalDouble score(RunResult result, String label) {
    Result<?> found = result.getSecondaryResults().get(label);
    return found == null ? OptionalDouble.empty() : OptionalDouble.of(found.getScore());
  }

  /** The rate of a peer on the same text in the same run. */
  private static OptionalDouble rate(String peer, RunResult result, Collection<RunResult> all) {
    String wanted = name(result.getParams()).replaceFirst("library=\\w+", "library=" + peer);
    return all.stream()
        .filter(other -> name(other.getParams()).equals(wanted))
        .map(other -> score(other, LimitsProfiler.TEXT))
        .findFirst()
        .orElse(OptionalDouble.empty());
  }

  OptionalDouble ratio() {
    return limit.isPresent()
        ? OptionalDouble.of(rate / limit.getAsDouble())
        : OptionalDouble.empty();
  }

  Verdict verdict() {
    if (required.isEmpty()) {
      return Verdict.NOT_ASKED;
    }
    boolean reached = ratio().orElse(0) >= required.getAsDouble();
    return reached ? Verdict.OK : Verdict.LOW;
  }

  private String[] cells() {
    String of =
        limit.isPresent()
            ? String.format(Locale.ROOT, "%s %.1f %s", limitName, limit.getAsDouble(), unit)
            : limitName + " not run";
    return new String[] {
      benchmark,
      kernels,
      time,
      String.format(Locale.ROOT, "%.1f %s", rate, unit),
      of,
      two(ratio()),
      two(required),
      switch (verdict()) {
        case OK -> "yes";
        case LOW -> "NO";
        case NOT_ASKED -> "";
      }
    };
  }

  private static String two(OptionalDouble value) {
    return value.isPresent() ? String.format(Locale.ROOT, "%.3f", value.getAsDouble()) : "";
  }

  static void print(List<RatioRow> rows, PrintStream out) {
    List<String[]> lines = new ArrayList<>();
    lines.add(TITLES);
    rows.forEach(row -> lines.add(row.cells()));
    int[] widths = new int[TITLES.length];
    for (String[] line : lines) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], line[i].length());
      }
    }
    for (String[] line : lines) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String space = " ".repeat(widths[i] - line[i].length());
        text.append(i == 0 ? line[i] + space : "  " + space + line[i]);
      }
      out.println(text.toString().stripTrailing());
    }
  }
}
