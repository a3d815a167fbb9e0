package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only a process of its own shows: locale, pipes, a full disk. */
class ProcessTest {
  private static final int PATIENCE_SECONDS = 60;

  @TempDir private Path folder;
  private Path model;
  private Path errors;

  @BeforeEach
  void makeModel() throws IOException {
    model = TestModel.in(folder);
    errors = folder.resolve("stderr");
  }

  /** Nothing is inherited but what is given. */
  private ProcessBuilder java(String locale, Object... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector", "-cp"));
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    for (Object arg : args) {
      command.add(arg.toString());
    }
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
    builder.environment().clear();
    builder.environment().put("LC_ALL", locale);
    return builder;
  }

  private static int exit(Process process) throws InterruptedException {
    assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), "it does not end");
    return process.exitValue();
  }

  /** What is on stderr beside the JVM's own line. */
  private List<String> errorLines() throws IOException {
    return Files.readAllLines(errors).stream()
        .filter(line -> !line.startsWith("WARNING: Using incubator modules"))
        .toList();
  }

  @Test
  void resultsAreUtf8WhateverTheLocale() throws Exception {
    for (String locale : List.of("C", "POSIX", "C.UTF-8")) {
      Process process =
          java(locale, "tokenize", "--model", model, "--decode", TestModel.ids("안녕")).start();
      byte[] out = process.getInputStream().readAllBytes();
      assertEquals(0, exit(process), errorLines().toString());
      assertEquals("안녕\n", new String(out, StandardCharsets.UTF_8), locale);
      assertEquals(List.of(), errorLines());
    }
  }

  @Test
  void argumentsAreUtf8InTheLauncherLocale() throws Exception {
    assumeTrue(
        "UTF-8".equals(System.getProperty("sun.jnu.encoding")),
        "this JVM cannot hand on Korean arguments");
    Process process = java("C.UTF-8", "tokenize", "--model", model, "--text", "안녕").start();
    byte[] out = process.getInputStream().readAllBytes();
    assertEquals(0, exit(process), errorLines().toString());
    assertEquals("[" + TestModel.ids("안녕") + "]\n", new String(out, StandardCharsets.UTF_8));
  }

  @Test
  void aReaderThatLeavesEndsTheRunQuietly() throws Exception {
    Path file = Files.writeString(folder.resolve("long.txt"), "가나다라마\n".repeat(200_000));
    Process process = java("C.UTF-8", "tokenize", "--model", model, "--file", file).start();
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(process.getInputStream()))) {
      assertTrue(reader.readLine().startsWith("["));
    }
    assertEquals(1, exit(process));
    assertEquals(List.of(), errorLines());
  }

  @Test
  void aFullDiskIsAnErrorInOneLine() throws Exception {
    File full = new File("/dev/full");
    assumeTrue(full.exists(), "no device that is always full");
    Process process =
        java("C.UTF-8", "tokenize", "--model", model, "--text", "x").redirectOutput(full).start();
    assertEquals(1, exit(process));
    assertEquals(1, errorLines().size(), errorLines().toString());
    assertTrue(errorLines().getFirst().startsWith("eeve: standard output: "), "" + errorLines());
    Process logits =
        java("C.UTF-8", "score", "--model", model, "--tokens", "1,2", "--logits", "/dev/full/x")
            .start();
    assertEquals(1, exit(logits));
    assertTrue(errorLines().getFirst().startsWith("eeve: /dev/full/x: "), "" + errorLines());
  }

  @Test
  void sigtermWritesACheckpointThatResumeTakes() throws Exception {
    Path data = Files.writeString(folder.resolve("d.jsonl"), "{\"input_ids\":[1,2,3,4,5]}\n");
    Path out = folder.resolve("out");
    Path config =
        Files.writeString(
            folder.resolve("c.yaml"),
            """
            base_model: %s
            output_dir: %s
            datasets: [{path: %s, type: tokens}]
            unfrozen_parameters: ["^lm_head.+"]
            learning_rate: 1e-3
            max_steps: 100000000
            early_stop: {window: 1, tolerance: -1e9}
            """
                .formatted(model, out, data));
    Process process = java("C.UTF-8", "train", config).start();
    for (int i = 0; i < PATIENCE_SECONDS * 20 && !Files.exists(out.resolve("metrics.jsonl")); i++) {
      Thread.sleep(50);
    }
    process.destroy();
    assertTrue(exit(process) != 0);
    assertTrue(Files.exists(out.resolve("checkpoint/state.json")), errorLines().toString());
    assertTrue(errorLines().getLast().contains("saved at step"), errorLines().getLast());
    Process resumed = java("C.UTF-8", "train", config, "--resume").start();
    for (int i = 0; i < PATIENCE_SECONDS * 20 && !resumes(); i++) {
      Thread.sleep(50);
    }
    resumed.destroy();
    exit(resumed);
    assertTrue(resumes(), errorLines().toString());
  }

  /** kill −9 while updates and checkpoints go on, some milliseconds later each time. */
  @Test
  void aRunKilledAgainAndAgainEndsWithTheBitsOfAWholeOne() throws Exception {
    Path whole = folder.resolve("whole");
    assertEquals(0, exit(java("C.UTF-8", "train", killable(whole)).start()), "" + errorLines());
    Path out = folder.resolve("killed");
    Path config = killable(out);
    int kills = 0;
    for (int i = 0; i < 4; i++) {
      int seen = updates(out);
      Process process = java("C.UTF-8", "train", config, "--resume").start();
      while (process.isAlive() && updates(out) < seen + 8) {
        Thread.sleep(1);
      }
      Thread.sleep(3L * i);
      kills += process.isAlive() ? 1 : 0;
      process.destroyForcibly();
      exit(process);
    }
    assertTrue(kills > 0 && updates(out) < 200, kills + " kills, " + errorLines());
    assertEquals(0, exit(java("C.UTF-8", "train", config, "--resume").start()), "" + errorLines());
    assertTrue(resumes(), errorLines().toString());
    for (String file : List.of("model.safetensors", "config.json")) {
      assertEquals(-1, Files.mismatch(whole.resolve(file), out.resolve(file)), file);
    }
    assertEquals(200, updates(out), "a line an update");
  }

  private Path killable(Path out) throws IOException {
    Path data =
        Files.writeString(
            folder.resolve("k.jsonl"),
            "{\"input_ids\":[1,2,3,4,5]}\n{\"input_ids\":[9,8,7]}\n{\"input_ids\":[6,2,6,2]}\n");
    return Files.writeString(
        folder.resolve(out.getFileName() + ".yaml"),
        """
        base_model: %s
        output_dir: %s
        datasets: [{path: %s, type: tokens}]
        unfrozen_parameters: [".+"]
        learning_rate: 1e-3
        weight_decay: 0.1
        resid_dropout: 0.2
        max_steps: 200
        save_steps: 1
        """
            .formatted(model, out, data));
  }

  private static int updates(Path out) throws IOException {
    Path metrics = out.resolve("metrics.jsonl");
    return Files.exists(metrics) ? Files.readAllLines(metrics).size() : 0;
  }

  private boolean resumes() throws IOException {
    return errorLines().stream().anyMatch(line -> line.contains("checkpoint: resuming at step "));
  }

  @Test
  void aSettingTheModelAsksForThatWeLackIsAWarningOnStderr() throws Exception {
    Files.writeString(model.resolve("generation_config.json"), "{\"num_beams\": 4}");
    Process process =
        java("C.UTF-8", "generate", "--model", model, "--prompt", "x", "--max-new-tokens", 2)
            .start();
    process.getInputStream().readAllBytes();
    assertEquals(0, exit(process), errorLines().toString());
    assertEquals(1, errorLines().size(), errorLines().toString());
    String warning = errorLines().getFirst();
    assertTrue(warning.startsWith("eeve: warning: " + model) && warning.contains("num_beams"));
    assertFalse(Files.readString(errors).contains("\r"), "no progress without a terminal");
  }
}
