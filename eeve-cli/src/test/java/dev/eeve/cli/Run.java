package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** One run of the command line in this JVM. */
record Run(int code, String out, String err) {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  static Run of(Object... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    String[] words = new String[args.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = args[i].toString();
    }
    int code = Main.run(out, new PrintStream(err, true, StandardCharsets.UTF_8), words);
    return new Run(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** The one JSON document of a run that must succeed. */
  static JsonNode json(Object... args) throws IOException {
    Run run = of(args);
    assertEquals(0, run.code, run.err);
    assertTrue(run.out.endsWith("\n"), run.out);
    assertEquals(1, run.out.lines().count(), "one document on one line");
    return MAPPER.readTree(run.out);
  }

  static JsonNode read(Path file) throws IOException {
    return MAPPER.readTree(file.toFile());
  }

  /** The one line of a run that must fail. */
  static String refusal(int code, Object... args) {
    Run run = of(args);
    assertEquals(code, run.code, run.out + run.err);
    assertEquals("", run.out);
    assertEquals(1, run.err.lines().count(), run.err);
    assertTrue(run.err.startsWith("eeve: ") && run.err.endsWith("\n"), run.err);
    return run.err.substring("eeve: ".length()).stripTrailing();
  }

  static String join(JsonNode ids) {
    return ids.toString().replaceAll("[\\[\\]]", "");
  }

  static Path root() {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(here.resolve(".ci"))) {
      here = here.getParent();
    }
    return here;
  }

  static Path golden(String model) {
    return root().resolve("eeve-core/src/test/resources/golden").resolve(model);
  }
}
