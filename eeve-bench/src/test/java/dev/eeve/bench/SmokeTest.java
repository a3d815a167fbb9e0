package dev.eeve.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Every benchmark with each of its parameters runs under JMH; its set-up checks the result. */
class SmokeTest {
  static Stream<String> benchmarks() {
    return Benchmarks.all().stream().map(BenchmarkListEntry::getUsername).sorted();
  }

  private static BenchmarkListEntry entry(String name) {
    return Benchmarks.all().stream()
        .filter(entry -> entry.getUsername().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("benchmarks")
  void eachRunsOnceAtTinySizesAndIsRight(String name) throws RunnerException {
    BenchmarkListEntry entry = entry(name);
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("^" + name.replace(".", "\\.") + "$")
            .mode(Mode.SingleShotTime)
            .forks(0)
            .warmupIterations(0)
            .measurementIterations(1)
            .shouldFailOnError(true)
            .verbosity(VerboseMode.SILENT);
    List<String> shapes = Benchmarks.tinyShapes(entry);
    int runs = Math.max(1, shapes.size());
    if (shapes.isEmpty()) {
      assumeSharedTexts();
      options.param("megabytes", "1");
    } else {
      options.param("shape", shapes.toArray(String[]::new));
    }
    for (String parameter : new String[] {"type", "from", "threads", "library"}) {
      runs *= Math.max(1, Benchmarks.parameter(entry, parameter).length);
    }
    if (Benchmarks.parameter(entry, "way").length > 0) {
      options.param("way", "plain", "strassen");
      runs *= 2;
    }
    Collection<RunResult> results = new Runner(options.build()).run();
    assertEquals(runs, results.size(), "runs of " + name);
  }

  private static void assumeSharedTexts() {
    try {
      SharedFiles.find("corpus/nsmc-train.txt");
      SharedFiles.find("tokenizer/phi-2/tokenizer.json");
    } catch (IOException e) {
      assumeTrue(false, e.getMessage());
    }
  }
}
