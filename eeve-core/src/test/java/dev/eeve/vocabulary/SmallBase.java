package dev.eeve.vocabulary;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.model.PhiConfig;
import dev.eeve.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.SplittableRandom;

/** Small random models with phi-2's tokenizer, and Korean text to expand them with. */
final class SmallBase {
  static final int VOCABULARY = 51_200;

  private SmallBase() {}

  /** Writes a folder with config, weights and tokenizer. */
  static Path write(Path folder, DType dtype) throws IOException {
    PhiConfig config =
        new PhiConfig(
            VOCABULARY,
            8,
            16,
            1,
            2,
            2,
            0.5,
            10_000,
            1e-5,
            64,
            0,
            0,
            0,
            0.02,
            OptionalInt.of(50_256),
            List.of(50_256),
            Optional.of(dtype));
    List<TensorSpec> tensors = new ArrayList<>();
    config
        .dimensions()
        .shapes()
        .forEach((n, shape) -> tensors.add(new TensorSpec(n, dtype, shape)));
    try (ModelFolderWriter writer =
        ModelFolderWriter.create(folder, tensors, ModelFolderWriter.MAX_SHARD_BYTES)) {
      SplittableRandom random = new SplittableRandom(5);
      for (TensorSpec tensor : writer.order()) {
        ByteBuffer bytes =
            ByteBuffer.allocate((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
          float value = (float) random.nextDouble(-1, 1);
          switch (dtype) {
            case F32 -> bytes.putFloat(value);
            case F16 -> bytes.putShort(Float.floatToFloat16(value));
            default -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
          }
        }
        writer.write(tensor.name(), MemorySegment.ofArray(bytes.array()));
      }
      writer.addFile("config.json", config.toJson());
      writer.addFile("tokenizer.json", Files.readAllBytes(TokenizerFiles.rebuiltPhi2()));
      writer.addFile(
          "tokenizer_config.json",
          "{\"tokenizer_class\":\"CodeGenTokenizer\",\"bos_token\":\"<|endoftext|>\"}"
              .getBytes(StandardCharsets.UTF_8));
      writer.addFile(
          "generation_config.json",
          "{\"bos_token_id\":50256,\"eos_token_id\":50256}".getBytes(StandardCharsets.UTF_8));
      writer.finish();
    }
    return folder;
  }

  /** Made-up Korean: words of a few syllables, the frequent ones much more frequent. */
  static List<String> documents(int count, long seed) {
    Random random = new Random(7);
    String[] words = new String[600];
    for (int i = 0; i < words.length; i++) {
      StringBuilder word = new StringBuilder();
      for (int k = 0; k < 1 + random.nextInt(4); k++) {
        word.append((char) (0xAC00 + random.nextInt(400) * 27));
      }
      words[i] =
          i % 40 == 0 ? word + "A" + i : i % 41 == 0 ? "\u314b".repeat(1 + i % 5) : word + "";
    }
    Random text = new Random(seed);
    List<String> documents = new ArrayList<>();
    for (int d = 0; d < count; d++) {
      StringBuilder line = new StringBuilder();
      for (int w = 0; w < 3 + text.nextInt(10); w++) {
        int rank = (int) (words.length * Math.pow(text.nextDouble(), 3));
        line.append(w == 0 ? "" : " ").append(words[rank]);
        line.append(text.nextInt(9) == 0 ? "." : "");
      }
      documents.add(line.append(text.nextInt(5) == 0 ? " ok 123!" : "").toString());
    }
    return documents;
  }

  static Path corpus(Path file, int count, long seed) throws IOException {
    return Files.writeString(file, String.join("\n", documents(count, seed)) + "\n");
  }
}
