package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private String run(boolean terminal) {
    PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    try (Progress progress = new Progress(new Console(new Output(bytes), err, terminal))) {
      progress.update("counting", 0, 50_000_000);
      progress.update("counting", 25_000_000, 50_000_000);
      progress.update("refining", 3, 4);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void eachStepHasABarAndTheLineIsClearInTheEnd() {
    String drawn = run(true);
    assertTrue(drawn.contains("counting  50% ["), drawn);
    assertTrue(drawn.contains("25/50 MB"), drawn);
    assertTrue(drawn.contains("refining  75% ["), drawn);
    assertTrue(drawn.endsWith("\r\u001b[K"), drawn);
    assertTrue(drawn.lines().allMatch(line -> line.length() < 100), drawn);
  }

  @Test
  void nothingIsDrawnWhereNobodyLooks() {
    assertEquals("", run(false));
  }
}
