package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Golden;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingRunTest {
  @TempDir private Path folder;
  private Path corpus;

  @BeforeEach
  void writeData() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int[] ids = new int[4 + random.nextInt(12)];
      Arrays.setAll(ids, t -> random.nextInt(160));
      lines.add("{\"input_ids\":" + Arrays.toString(ids) + "}");
    }
    corpus = Files.write(folder.resolve("data.jsonl"), lines);
  }

  private Map<String, Object> settings(String output) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("base_model", Golden.folder("tiny-bf16-head80").toString());
    all.put("output_dir", folder.resolve(output).toString());
    all.put("datasets", List.of(Map.of("path", corpus.toString(), "type", "tokens")));
    all.put("sequence_len", 16);
    all.put("sample_packing", true);
    all.put("micro_batch_size", 2);
    all.put("learning_rate", 0.01);
    all.put("warmup_steps", 2);
    all.put("weight_decay", 0.1);
    all.put("resid_dropout", 0.1);
    all.put("max_steps", 6);
    all.put("number_of_old_tokens", 100);
    all.put("stage", 3);
    return all;
  }

  /** Stops a run after an update, as SIGTERM does. */
  private static final class StopAfter implements TrainingRun.Listener {
    private final List<String> messages = new ArrayList<>();
    private final int step;
    private TrainingRun run;

    StopAfter(int step) {
      this.step = step;
    }

    @Override
    public void message(String text) {
      messages.add(text);
    }

    @Override
    public void step(TrainingPlan plan, int maxSteps, TrainingStep done, OptionalDouble valLoss) {
      if (done.step() == step) {
        run.stop();
      }
    }
  }

  private static boolean run(
      Map<String, Object> settings, TrainingRun.Existing existing, int stopAfter, int threads)
      throws IOException {
    StopAfter listener = new StopAfter(stopAfter);
    listener.run = new TrainingRun(TrainingPlan.parse(settings), existing, threads, listener);
    return listener.run.run();
  }

  private byte[] weights(String output) throws IOException {
    return Files.readAllBytes(folder.resolve(output).resolve("model.safetensors"));
  }

  @Test
  void anInterruptedRunEndsWithTheBitsOfAWholeOneAtAnyThreadCount() throws IOException {
    assertTrue(run(settings("whole"), TrainingRun.Existing.REFUSE, -1, 2));
    for (int step : new int[] {1, 4}) {
      Map<String, Object> settings = settings("cut" + step);
      settings.put("save_steps", 2);
      assertFalse(run(settings, TrainingRun.Existing.REFUSE, step, 1));
      Path output = folder.resolve("cut" + step);
      assertTrue(Files.exists(output.resolve("checkpoint/state.json")));
      assertFalse(Files.exists(output.resolve("model.safetensors")), "no half result");
      assertTrue(run(settings, TrainingRun.Existing.RESUME, -1, 2));
      assertArrayEquals(weights("whole"), weights("cut" + step));
      assertEquals(6, Files.readAllLines(output.resolve("metrics.jsonl")).size());
    }
  }

  /** Every parameter in the least memory. */
  private Map<String, Object> least(String output) {
    Map<String, Object> all = settings(output);
    all.put("stage", 6);
    all.put("adapter", "none");
    all.put("optimizer", "adamw_8bit");
    all.put("bf16_stochastic_round", true);
    all.put("optimizer_in_bwd", true);
    all.put("gradient_checkpointing", true);
    all.put("max_grad_norm", 0.5);
    return all;
  }

  @Test
  void anInterruptedRunInTheLeastMemoryEndsWithTheBitsOfAWholeOne() throws IOException {
    for (String from : new String[] {"previous_step", "second_pass"}) {
      Map<String, Object> whole = least("whole-" + from);
      whole.put("grad_norm_from", from);
      assertTrue(run(whole, TrainingRun.Existing.REFUSE, -1, 2));
      for (int step : new int[] {1, 4}) {
        String output = "cut-" + step + "-" + from;
        Map<String, Object> settings = least(output);
        settings.put("grad_norm_from", from);
        assertFalse(run(settings, TrainingRun.Existing.REFUSE, step, 1));
        assertTrue(run(settings, TrainingRun.Existing.RESUME, -1, 3));
        assertArrayEquals(weights("whole-" + from), weights(output));
      }
    }
    assertFalse(
        Arrays.equals(weights("whole-previous_step"), weights("whole-second_pass")), "clips");
    assertFalse(run(least("other"), TrainingRun.Existing.REFUSE, 2, 1));
    Map<String, Object> other = least("other");
    other.put("optimizer", "adamw");
    other.remove("bf16_stochastic_round");
    assertRefused(other, "there, ");
  }

  @Test
  void aRunKilledLongAfterItsCheckpointRepeatsItsUpdatesAndCutsItsMetrics() throws IOException {
    assertTrue(run(settings("whole"), TrainingRun.Existing.REFUSE, -1, 1));
    Map<String, Object> settings = settings("killed");
    settings.put("save_steps", 4);
    assertTrue(run(settings, TrainingRun.Existing.REFUSE, -1, 1));
    Path output = folder.resolve("killed");
    Files.delete(output.resolve("model.safetensors"));
    Files.writeString(
        output.resolve("metrics.jsonl"),
        "{\"step\":7,\"sta",
        java.nio.file.StandardOpenOption.APPEND);
    Files.move(output.resolve("checkpoint"), output.resolve(".checkpoint.next"));
    Files.createDirectories(output.resolve(".checkpoint.partial"));
    assertTrue(run(settings, TrainingRun.Existing.RESUME, -1, 1));
    assertArrayEquals(weights("whole"), weights("killed"));
    List<String> lines = Files.readAllLines(output.resolve("metrics.jsonl"));
    for (int i = 0; i < 6; i++) {
      assertTrue(lines.get(i).startsWith("{\"step\":" + (i + 1) + ","), lines.get(i));
    }
    assertEquals(6, lines.size());
  }

  @Test
  void stagesInOneRunEqualTwoRunsBitForBit() throws IOException {
    Map<String, Object> both = settings("both");
    both.remove("stage");
    both.put("stages", List.of(1, Map.of("stage", 2, "learning_rate", 0.02, "max_steps", 3)));
    assertFalse(run(both, TrainingRun.Existing.REFUSE, 2, 2));
    assertTrue(run(both, TrainingRun.Existing.RESUME, -1, 2));
    Map<String, Object> first = settings("first");
    first.put("stage", 1);
    assertTrue(run(first, TrainingRun.Existing.REFUSE, -1, 2));
    Map<String, Object> second = settings("second");
    second.put("stage", 2);
    second.put("base_model", folder.resolve("first").toString());
    second.put("learning_rate", 0.02);
    second.put("max_steps", 3);
    assertTrue(run(second, TrainingRun.Existing.REFUSE, -1, 2));
    assertArrayEquals(weights("second"), weights("both"));
    assertArrayEquals(weights("first"), weights("both/stage-1"));
    assertArrayEquals(weights("second"), weights("both/stage-2"));
  }

  private Map<String, Object> twoStages(String output) {
    Map<String, Object> all = settings(output);
    all.remove("stage");
    all.put("stages", List.of(1, 2));
    return all;
  }

  @Test
  void aRunKilledWhileItWritesItsResultWritesItOnResume() throws IOException {
    Map<String, Object> settings = twoStages("killed");
    assertTrue(run(settings, TrainingRun.Existing.REFUSE, -1, 2));
    byte[] whole = weights("killed");
    Path output = folder.resolve("killed");
    Files.move(output.resolve("stage-2"), output.resolve(".stage-2.partial"));
    Files.move(
        output.resolve("model.safetensors"), output.resolve(".model.safetensors.1a.partial"));
    assertTrue(run(settings, TrainingRun.Existing.RESUME, -1, 2));
    assertArrayEquals(whole, weights("killed"));
    assertArrayEquals(whole, weights("killed/stage-2"));
    try (Stream<Path> files = Files.list(output)) {
      assertEquals(List.of(), files.filter(path -> path.toString().contains("partial")).toList());
    }
  }

  @Test
  void stagesOfOtherSettingsAreRefusedByName() throws IOException {
    Map<String, Object> settings = twoStages("mixed");
    settings.put("stages", List.of(1, Map.of("stage", 2, "max_steps", 3)));
    assertFalse(run(settings, TrainingRun.Existing.REFUSE, 3, 2)); // stage 1 stops at its third
    assertFalse(run(settings, TrainingRun.Existing.RESUME, 2, 2)); // and stage 2 at its second
    Map<String, Object> other = new LinkedHashMap<>(settings);
    other.put("learning_rate", 0.02);
    String message =
        assertThrows(IOException.class, () -> run(other, TrainingRun.Existing.RESUME, -1, 2))
            .getMessage();
    assertTrue(message.contains("stage-1: learning_rate: 0.01 there, 0.02 here"), message);
    Map<String, Object> single = settings("mixed");
    single.put("stage", 1);
    message =
        assertThrows(IOException.class, () -> run(single, TrainingRun.Existing.RESUME, -1, 2))
            .getMessage();
    assertTrue(message.contains("of stage 2 in turn, this run is at 1"), message);
  }

  @Test
  void aRunThatCannotStartOverwritesNothing() throws IOException {
    Map<String, Object> settings = settings("kept");
    settings.put("save_steps", 2);
    assertTrue(run(settings, TrainingRun.Existing.REFUSE, -1, 2));
    Path output = folder.resolve("kept");
    for (Map<String, Object> wrong :
        List.<Map<String, Object>>of(
            Map.of("base_model", folder.resolve("none").toString()),
            Map.of("datasets", List.of(Map.of("path", "none.jsonl", "type", "tokens"))))) {
      Map<String, Object> other = new LinkedHashMap<>(settings);
      other.putAll(wrong);
      assertThrows(IOException.class, () -> run(other, TrainingRun.Existing.OVERWRITE, -1, 2));
      assertTrue(Files.exists(output.resolve("checkpoint/state.json")));
      assertEquals(6, Files.readAllLines(output.resolve("metrics.jsonl")).size());
    }
  }

  private void refused(String key, Object value, String says) {
    Map<String, Object> settings = settings("refused");
    settings.put(key, value);
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> run(settings, TrainingRun.Existing.RESUME, -1, 1))
            .getMessage();
    assertTrue(message.startsWith(says), message);
  }

  @Test
  void whatWouldDoNothingIsRefused() throws IOException {
    refused("no_decay", List.of(".+bias", "bias"), "no_decay: \"bias\": matches no parameter");
    String line = "{\"input_ids\":[1,2,3],\"labels\":[5,-100,-100]}";
    Path unlabelled = Files.writeString(folder.resolve("none.jsonl"), line + "\n");
    refused("val_set", unlabelled.toString(), "val_set: " + unlabelled + ": no label but -100");
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    Map<String, Object> tokens = Map.of("path", empty.toString(), "type", "tokens");
    refused("val_set", tokens, "val_set: " + empty + ": no sequence of two tokens");
  }

  @Test
  void frozenRowsAreTheBasesBytesUnderDecayClippingAndResume() throws IOException {
    Map<String, Object> settings = settings("frozen");
    settings.put("max_grad_norm", 0.1);
    assertFalse(run(settings, TrainingRun.Existing.REFUSE, 3, 2));
    assertTrue(run(settings, TrainingRun.Existing.RESUME, -1, 2));
    try (PhiModel before = PhiModel.open(Golden.folder("tiny-bf16-head80"), Optional.empty(), 1);
        PhiModel after = PhiModel.open(folder.resolve("frozen"), Optional.empty(), 1)) {
      BaseTensors was = new BaseTensors(before);
      BaseTensors is = new BaseTensors(after);
      int changed = 0;
      for (Parameter parameter : Parameters.of(before).all()) {
        boolean fresh =
            parameter.name().startsWith("lm_head") || parameter.name().contains("embed_tokens");
        for (int r = 0; r < parameter.rows(); r++) {
          boolean same = Arrays.equals(row(was, parameter, r), row(is, parameter, r));
          assertTrue(same || fresh && r >= 100, parameter.name() + " row " + r);
          changed += same ? 0 : 1;
        }
      }
      assertTrue(changed > 60, "the new rows train");
    }
    Map<String, String> before = sha256OfFrozen(Golden.folder("tiny-bf16-head80"));
    assertEquals(before, sha256OfFrozen(folder.resolve("frozen")));
    assertTrue(before.size() > 10, before.toString());
  }

  /** Of each tensor's bytes in the file; of the embedding's and the head's up to row 100. */
  private static Map<String, String> sha256OfFrozen(Path model) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (ModelFolder files = ModelFolder.open(model)) {
      for (TensorInfo tensor : files.tensors().values()) {
        boolean partly = tensor.name().matches("lm_head.*|.*embed_tokens.*");
        long rows = tensor.shape().getFirst();
        long bytes = partly ? tensor.byteSize() / rows * 100 : tensor.byteSize();
        ByteBuffer content = ByteBuffer.allocateDirect((int) bytes);
        files.read(tensor, 0, content);
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(content.flip());
        all.put(tensor.name(), HexFormat.of().formatHex(digest.digest()));
      }
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    return all;
  }

  private static float[] row(BaseTensors tensors, Parameter parameter, int row) {
    float[] values = new float[parameter.columns()];
    if (parameter.isVector()) {
      values[0] = tensors.vector(parameter.name())[row];
    } else {
      tensors.matrix(parameter.name()).row(row, values, 0);
    }
    return values;
  }

  @Test
  void brokenAndForeignCheckpointsAreRefusedByName() throws IOException {
    Map<String, Object> settings = settings("refused");
    assertFalse(run(settings, TrainingRun.Existing.REFUSE, 2, 1));
    Map<String, Object> other = settings("refused");
    other.put("learning_rate", 0.5);
    assertRefused(other, "checkpoint: learning_rate: 0.01 there, 0.5 here");
    Files.writeString(corpus, "{\"input_ids\":[1,2,3]}\n", java.nio.file.StandardOpenOption.APPEND);
    assertRefused(settings, "checkpoint: content of datasets: ");
    writeData();
    Path tensors = folder.resolve("refused/checkpoint/tensors.safetensors");
    byte[] bytes = Files.readAllBytes(tensors);
    bytes[bytes.length - 5] ^= 1;
    Files.write(tensors, bytes);
    assertRefused(settings, "its checksum is wrong");
    Path state = folder.resolve("refused/checkpoint/state.json");
    Files.writeString(state, Files.readString(state).replace("\"step\":2", "\"step\":3"));
    assertRefused(settings, "state.json: its checksum is wrong");
  }

  private static void assertRefused(Map<String, Object> settings, String message) {
    IOException e =
        assertThrows(IOException.class, () -> run(settings, TrainingRun.Existing.RESUME, -1, 1));
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void aLossThatIsNotFiniteLeavesTheLastCheckpoint() throws IOException {
    Map<String, Object> settings = settings("wild");
    settings.put("learning_rate", 1e25);
    settings.put("warmup_steps", 0);
    settings.put("save_steps", 1);
    Exception e =
        assertThrows(
            ArithmeticException.class, () -> run(settings, TrainingRun.Existing.REFUSE, -1, 1));
    assertTrue(e.getMessage().matches("step \\d+: .+ is not finite, over sequences .+"), "" + e);
    Path state = folder.resolve("wild/checkpoint/state.json");
    int step = Integer.parseInt(e.getMessage().replaceAll("step (\\d+).*", "$1"));
    assertTrue(Files.readString(state).contains("\"step\":" + (step - 1)), "the last one stands");
    assertFalse(Files.exists(folder.resolve("wild/model.safetensors")));
  }

  @Test
  void aFolderThatHoldsSomethingIsRefusedOrOverwritten() throws IOException {
    Map<String, Object> settings = settings("twice");
    assertTrue(run(settings, TrainingRun.Existing.REFUSE, -1, 1));
    assertThrows(
        IllegalArgumentException.class, () -> run(settings, TrainingRun.Existing.REFUSE, -1, 1));
    byte[] first = weights("twice");
    settings.put("max_steps", 2);
    assertTrue(run(settings, TrainingRun.Existing.OVERWRITE, -1, 1));
    assertFalse(Arrays.equals(first, weights("twice")));
    assertEquals(2, Files.readAllLines(folder.resolve("twice/metrics.jsonl")).size());
  }

  @Test
  void aSmallModelFromScratchOverfitsOneBatchToNearZero() throws IOException {
    Map<String, Object> settings = settings("scratch");
    settings.remove("base_model");
    settings.remove("stage");
    Path config = Golden.folder("tiny-f32").resolve("config.json");
    settings.put("model_config", config.toString());
    settings.put("unfrozen_parameters", List.of(".+"));
    Files.write(corpus, Files.readAllLines(corpus).subList(0, 3));
    settings.put("sample_packing", false);
    settings.put("micro_batch_size", 3);
    settings.put("max_steps", 60);
    settings.put("resid_dropout", 0);
    settings.put("weight_decay", 0);
    settings.put("val_set", corpus.toString());
    assertTrue(run(settings, TrainingRun.Existing.REFUSE, -1, 2));
    List<String> lines = Files.readAllLines(folder.resolve("scratch/metrics.jsonl"));
    String last = lines.getLast();
    double loss = Double.parseDouble(last.replaceAll(".*\"val_loss\":([^,}]+).*", "$1"));
    assertTrue(loss < 0.1, last);
  }
}
