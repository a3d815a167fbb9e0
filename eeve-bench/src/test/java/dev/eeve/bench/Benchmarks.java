package dev.eeve.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/** The benchmarks that JMH found at compile time: a new one is tested without being named here. */
final class Benchmarks {
  private Benchmarks() {}

  static Set<BenchmarkListEntry> all() {
    OutputFormat silent = OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT);
    return BenchmarkList.defaultList().getAll(silent, List.of());
  }

  /** The classes of benchmarks that have a shape. */
  static Stream<String> kernelClasses() {
    return all().stream()
        .filter(entry -> parameter(entry, "shape").length > 0)
        .map(BenchmarkListEntry::getUserClassQName)
        .distinct()
        .sorted();
  }

  /** The values of a parameter; none where the benchmark does not have it. */
  static String[] parameter(BenchmarkListEntry entry, String name) {
    Map<String, String[]> parameters = entry.getParams().orElse(Map.of());
    return parameters.getOrDefault(name, new String[0]);
  }

  /** A benchmark's shapes at the tiny width, and not far into a context. */
  static List<String> tinyShapes(BenchmarkListEntry entry) {
    List<String> shapes = new ArrayList<>();
    for (String shape : parameter(entry, "shape")) {
      shapes.add(shape.replaceFirst("^\\w+", "tiny").replace(".P1500", ".P150"));
    }
    return shapes;
  }
}
