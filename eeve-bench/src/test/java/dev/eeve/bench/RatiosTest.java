package dev.eeve.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class RatiosTest {
  private static final String[] ONE_RUN = {
    "GeluBenchmark.vector",
    "-p",
    "shape=tiny.gelu.T4",
    "-p",
    "threads=1",
    "-f",
    "0",
    "-wi",
    "1",
    "-w",
    "10ms",
    "-i",
    "1",
    "-r",
    "10ms"
  };

  private static RatioRow row(double rate, double limit, OptionalDouble required) {
    return new RatioRow(
        "B.vector", "scalar", "1 us/op", rate, "GB/s", "read", OptionalDouble.of(limit), required);
  }

  @Test
  void aRunPrintsTheRatioToALimitMeasuredInTheSameRun() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertEquals(0, Ratios.run(ONE_RUN, new PrintStream(out, true, StandardCharsets.UTF_8)));
    String line =
        out.toString(StandardCharsets.UTF_8)
            .lines()
            .filter(text -> text.startsWith("GeluBenchmark.vector"))
            .findFirst()
            .orElseThrow();
    String number = "\\d+\\.\\d+";
    assertTrue(
        line.matches(
            "GeluBenchmark.vector shape=tiny.gelu.T4 threads=1 +(scalar|\\d+ bits) +"
                + "%1$s us/op +%1$s GB/s +read %1$s GB/s +%1$s".formatted(number)),
        line);
  }

  @Test
  void aRatioBelowWhatIsRequiredIsLow() {
    assertEquals(RatioRow.Verdict.LOW, row(8.9, 10, OptionalDouble.of(0.9)).verdict());
    assertEquals(RatioRow.Verdict.OK, row(9, 10, OptionalDouble.of(0.9)).verdict());
    assertEquals(RatioRow.Verdict.NOT_ASKED, row(1, 10, OptionalDouble.empty()).verdict());
    RatioRow alone =
        new RatioRow(
            "B", "", "", 9, "MB/s", "jtokkit", OptionalDouble.empty(), OptionalDouble.of(5));
    assertEquals(RatioRow.Verdict.LOW, alone.verdict());
  }

  @Test
  void onlyTheCheckFailsARunForALowRatio() {
    List<RatioRow> rows = new ArrayList<>();
    rows.add(row(8.9, 10, OptionalDouble.of(0.9)));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    assertEquals(0, Ratios.report(rows, false, out));
    assertTrue(bytes.toString(StandardCharsets.UTF_8).contains("0.890     0.900   NO"));
    assertEquals(1, Ratios.report(rows, true, out));
    rows.set(0, row(9.1, 10, OptionalDouble.of(0.9)));
    assertEquals(0, Ratios.report(rows, true, out));
  }

  @Test
  void theFirstLineThatMatchesIsRequired() {
    RequiredRatios table = RequiredRatios.parse("# a comment\n\n0.5 ^A\\.x shape=s\n0.25  ^A\n");
    assertEquals(OptionalDouble.of(0.5), table.of("A.x shape=s.T1"));
    assertEquals(OptionalDouble.of(0.25), table.of("A.x shape=t"));
    assertEquals(OptionalDouble.empty(), table.of("B.x shape=s"));
  }

  @Test
  void aBrokenLineOfTheTableIsNamed() {
    for (String line : List.of("0.5", "x ^A", "0.5 ^(")) {
      Exception refused =
          assertThrows(IllegalArgumentException.class, () -> RequiredRatios.parse(line));
      assertEquals(
          "required-ratios.txt: \"" + line + "\", needed a ratio and a regular expression",
          refused.getMessage());
    }
  }

  @Test
  void everyLineOfTheTableIsOfABenchmarkThatExists() throws IOException {
    List<String> names = new ArrayList<>();
    Benchmarks.all()
        .forEach(
            entry -> {
              String name = entry.getUsername().replaceFirst(".*\\.(\\w+\\.\\w+)$", "$1");
              String[] shapes = Benchmarks.parameter(entry, "shape");
              for (String shape : shapes) {
                for (String type : Benchmarks.parameter(entry, "type")) {
                  boolean ways = Benchmarks.parameter(entry, "way").length > 0;
                  String plain = ways ? " way=plain" : "";
                  names.add(name + " shape=" + shape + " threads=1 type=" + type + plain);
                }
              }
              if (shapes.length == 0) {
                names.add(name + " library=eeve megabytes=50");
              }
            });
    for (RequiredRatios.Line line : RequiredRatios.read().lines()) {
      assertTrue(names.stream().anyMatch(line.benchmark().asPredicate()), line.toString());
    }
  }

  @Test
  void anUnknownOptionAndAnUnknownBenchmarkAreRefused() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    assertEquals(2, Ratios.run(new String[] {"-nonsense"}, out));
    assertEquals(2, Ratios.run(new String[] {"NoSuchBenchmark"}, out));
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains("needed JMH's own or --check"), text);
    assertTrue(text.contains("benchmarks: none matches"), text);
  }

  @Test
  void aShapeIsReadFromItsNameAndAWrongOneRefused() {
    Shape shape = Shape.of("phi2.attention.P512.T128");
    assertEquals(512, shape.position());
    assertEquals(128, shape.tokens());
    assertEquals(List.of(new Shape.Matrix(10240, 2560)), Shape.of("phi2.fc1.T1").matrices());
    assertEquals(3, Shape.of("phi2.qkv.T1").matrices().size());
    for (String name : List.of("phi2", "phi3.fc1.T1", "phi2.fc1.T0", "phi2.fc1.X")) {
      Exception refused = assertThrows(IllegalArgumentException.class, () -> Shape.of(name));
      assertTrue(refused.getMessage().startsWith("shape: "), refused.getMessage());
    }
    Exception refused =
        assertThrows(IllegalArgumentException.class, () -> Shape.of("phi2.fc3.T1").matrices());
    assertTrue(refused.getMessage().contains("needed qkv, dense"), refused.getMessage());
  }

  @Test
  void aWrongResultStopsABenchmarkBeforeItsFirstTiming() {
    Check.near("x", 1, 1.5, 0.5);
    for (double wrong : new double[] {1.6, Double.NaN}) {
      assertThrows(IllegalStateException.class, () -> Check.near("x", 1, wrong, 0.5));
    }
  }
}
