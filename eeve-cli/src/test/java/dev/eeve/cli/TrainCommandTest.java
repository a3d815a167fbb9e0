package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.Safetensors;
import dev.eeve.checkpoint.TensorInfo;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private static Path golden(String model) {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(here.resolve(".ci"))) {
      here = here.getParent();
    }
    return here.resolve("eeve-core/src/test/resources/golden").resolve(model);
  }

  private int run(String... args) {
    out.reset();
    err.reset();
    return Main.run(
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        args);
  }

  private static float[] read(ByteBuffer bytes, DType type) {
    float[] values = new float[bytes.remaining() / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (type) {
            case F32 -> bytes.getFloat();
            case F16 -> Float.float16ToFloat(bytes.getShort());
            case BF16 -> Float.intBitsToFloat(bytes.getShort() << 16);
            default -> throw new AssertionError(type);
          };
    }
    return values;
  }

  private static ByteBuffer buffer(TensorInfo tensor) {
    return ByteBuffer.allocateDirect((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** What 16-bit weights lose by being rounded once is allowed for, relative to the tensor. */
  private void assertTrained(Path reference, String prefix, Path saved) throws IOException {
    try (Safetensors answers = Safetensors.open(reference.resolve("golden.safetensors"));
        ModelFolder files = ModelFolder.open(saved)) {
      for (TensorInfo tensor : answers.tensors().values()) {
        if (!tensor.name().startsWith(prefix)) {
          continue;
        }
        ByteBuffer wanted = buffer(tensor);
        answers.read(tensor, 0, wanted);
        TensorInfo own = files.tensors().get(tensor.name().substring(prefix.length()));
        ByteBuffer found = buffer(own);
        files.read(own, 0, found);
        float[] a = read(wanted.flip(), DType.F32);
        float[] b = read(found.flip(), own.dtype());
        double rounding =
            switch (own.dtype()) {
              case F32 -> 0;
              case F16 -> 0x1p-11;
              default -> 0x1p-8;
            };
        double error = 0;
        double size = 0;
        for (int i = 0; i < a.length; i++) {
          error += Math.pow((double) a[i] - b[i], 2);
          size += Math.pow(a[i], 2);
        }
        double relative = Math.sqrt(error / Math.max(size, 1e-30));
        assertTrue(relative <= 1e-4 + rounding, tensor.name() + ": " + relative);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-f32, partial", "tiny-f32, full",
    "tiny-f16-sharded, partial", "tiny-f16-sharded, full",
    "tiny-bf16-head80, partial", "tiny-bf16-head80, full"
  })
  void fourUpdatesOnATokensDatasetAreTheReferences(String model, String kind) throws IOException {
    Path reference = golden(model);
    JsonNode golden = JSON.readTree(reference.resolve("golden.json").toFile());
    Path data = folder.resolve("data.jsonl");
    Files.write(
        data,
        List.of(
            "{\"input_ids\":" + golden.get("input_ids").get(0) + "}",
            "{\"input_ids\":" + golden.get("input_ids").get(1) + "}"));
    int old = golden.get("number_of_old_tokens").intValue();
    String patterns =
        kind.equals("full")
            ? "['.+']"
            : "['^model.embed_tokens.weight$[%1$d:]', '^lm_head.weight$[%1$d:]']".formatted(old);
    Path config =
        Files.writeString(
            folder.resolve("config.yaml"),
            """
            base_model: %s
            output_dir: %s
            datasets:
              - path: %s
                type: tokens
            sequence_len: 24
            micro_batch_size: 2
            max_steps: 4
            learning_rate: %s
            lr_scheduler: constant
            warmup_steps: 3
            weight_decay: 0.1
            max_grad_norm: 0
            shuffle: false
            unfrozen_parameters: %s
            """
                .formatted(
                    reference,
                    folder.resolve("out"),
                    data,
                    golden.get("adamw").get(kind + "_lr"),
                    patterns));
    assertEquals(0, run("train", config.toString(), "--set", "warmup_steps=0"), err.toString());
    List<String> lines = Files.readAllLines(folder.resolve("out/metrics.jsonl"));
    assertEquals(4, lines.size());
    for (int i = 0; i < 4; i++) {
      JsonNode line = JSON.readTree(lines.get(i));
      double expected = golden.get(kind + "_losses").get(i).doubleValue();
      assertEquals(expected, line.get("loss").doubleValue(), 1e-5 * expected);
      assertEquals(i + 1, line.get("step").intValue());
      assertEquals(48L * (i + 1), line.get("tokens").longValue());
    }
    assertTrained(reference, kind + ".", folder.resolve("out"));
    BufferedImage picture = ImageIO.read(folder.resolve("out/training.png").toFile());
    assertTrue(picture.getWidth() > picture.getHeight(), "loss above learning rate");
    assertEquals(1, run("train", config.toString()), "the folder is not empty");
    assertTrue(err.toString().contains("pass --resume or --overwrite"), err.toString());
  }

  @Test
  void wrongKeysAreWrongUsageInOneLine() throws IOException {
    Path config = Files.writeString(folder.resolve("c.yaml"), "base_modl: x\noutput_dir: y\n");
    assertEquals(2, run("train", config.toString()));
    assertEquals(1, err.toString().lines().count(), err.toString());
    Files.writeString(config, "base_model: [\n");
    assertEquals(1, run("train", config.toString()));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains("c.yaml"), err.toString());
    Files.writeString(config, "learning_rate: 1e-3\nlearning_rate: 1e-5\n");
    assertEquals(1, run("train", config.toString()));
    assertTrue(err.toString().contains("c.yaml: line 2: Duplicate"), err.toString());
    Files.writeString(config, "learning_rate: 1e-3\n---\nlearning_rate: 1e-5\n");
    assertEquals(1, run("train", config.toString()));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertEquals(2, run("train", config.toString(), "--resume", "--overwrite"));
    assertEquals(1, run("train", folder.resolve("none.yaml").toString()));
    assertTrue(err.toString().contains("none.yaml"), err.toString());
  }
}
