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
  void linesStandAboveABarThatGoesOnWithItsWords() {
    PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    try (Progress progress = new Progress(new Console(new Output(bytes), err, true))) {
      progress.above("before");
      progress.update("stage 3", 200, 400, "loss 6.866, 33 tokens/s, 2:03:10 left");
      progress.above("step 200");
      progress.update("stage 3", 300, 400, "loss 6.512, 33 tokens/s, 1:00:05 left");
    }
    String drawn = bytes.toString(StandardCharsets.UTF_8);
    assertTrue(drawn.startsWith("before\n"), drawn);
    assertTrue(drawn.contains("\r\u001b[Kstep 200\n"), drawn);
    String bar = "stage 3 [================      ] 300/400, loss 6.512, 33 tokens/s, 1:00:05 left";
    assertTrue(drawn.contains(bar), drawn);
    assertTrue(drawn.endsWith("\r\u001b[K"), drawn);
    assertTrue(drawn.lines().allMatch(line -> line.length() < 400), drawn);
  }

  @Test
  void nothingIsDrawnWhereNobodyLooks() {
    assertEquals("", run(false));
  }
}
