package dev.eeve.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalDouble;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * The share of its limit that each benchmark must reach, from a small table: a number, then a
 * regular expression for the benchmark's name and parameters. The first line that matches counts.
 */
record RequiredRatios(List<Line> lines) {
  private static final String FILE = "required-ratios.txt";

  /** One line of the table. */
  record Line(double ratio, Pattern benchmark) {}

  /** The table of this jar. */
  static RequiredRatios read() throws IOException {
    try (InputStream in = RequiredRatios.class.getResourceAsStream(FILE)) {
      return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  static RequiredRatios parse(String table) {
    return new RequiredRatios(
        table
            .lines()
            .filter(line -> !line.isBlank() && !line.startsWith("#"))
            .map(RequiredRatios::line)
            .toList());
  }

  private static Line line(String line) {
    String[] parts = line.strip().split("\\s+", 2);
    try {
      if (parts.length == 2) {
        return new Line(Double.parseDouble(parts[0]), Pattern.compile(parts[1]));
      }
    } catch (NumberFormatException | PatternSyntaxException e) {
      throw refuse(line, e);
    }
    throw refuse(line, null);
  }

  private static IllegalArgumentException refuse(String line, Exception cause) {
    return new IllegalArgumentException(
        FILE + ": \"" + line + "\", needed a ratio and a regular expression", cause);
  }

  /** What a benchmark must reach; empty where the table asks nothing. */
  OptionalDouble of(String benchmark) {
    return lines.stream()
        .filter(line -> line.benchmark().matcher(benchmark).find())
        .mapToDouble(Line::ratio)
        .findFirst();
  }
}
