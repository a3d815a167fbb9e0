package dev.eeve.bench;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.model.PhiConfig;
import dev.eeve.tokenizer.ByteLevel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Writes a model folder of a shape with random F16 weights, for peers that read files alone. */
public final class RandomModel {
  private static final int STRIP = 1 << 20;

  private RandomModel() {}

  /**
   * Entry point.
   *
   * @param args phi-2 or eeve-2.8b, then the folder
   * @throws IOException names the file
   */
  public static void main(String[] args) throws IOException {
    PhiConfig config =
        switch (args.length == 2 ? args[0] : "") {
          case "phi-2" -> PhiConfig.phi2();
          case "eeve-2.8b" -> PhiConfig.eeve2_8b();
          default -> throw new IllegalArgumentException("needed phi-2 or eeve-2.8b, and a folder");
        };
    List<TensorSpec> specs = new ArrayList<>();
    config
        .dimensions()
        .shapes()
        .forEach((name, shape) -> specs.add(new TensorSpec(name, DType.F16, shape)));
    try (ModelFolderWriter writer =
            ModelFolderWriter.create(Path.of(args[1]), specs, ModelFolderWriter.MAX_SHARD_BYTES);
        Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(STRIP);
      SplittableRandom random = new SplittableRandom(1);
      for (TensorSpec tensor : writer.order()) {
        boolean norm = tensor.name().endsWith("norm.weight");
        for (long at = 0; at < tensor.byteSize(); at += STRIP) {
          MemorySegment part = strip.asSlice(0, Math.min(STRIP, tensor.byteSize() - at));
          fill(part, random, norm ? 1 : 0);
          writer.write(tensor.name(), part);
        }
      }
      writer.addFile("config.json", config.toJson());
      writer.addFile(
          "tokenizer.json", bytesOnly(config.vocabSize()).getBytes(StandardCharsets.UTF_8));
      writer.finish();
    }
  }

  /** Uniform with phi-2's deviation of 0.02. */
  private static void fill(MemorySegment part, SplittableRandom random, float mean) {
    ValueLayout.OfShort half = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    float scale = (float) (0.02 * Math.sqrt(12));
    for (long at = 0; at < part.byteSize(); at += 2) {
      float value = mean + scale * ((random.nextInt() >>> 8) * 0x1p-24f - 0.5f);
      part.set(half, at, Float.floatToFloat16(value));
    }
  }

  /** Id b is byte b; all other rows have a token too, since padding is never generated here. */
  private static String bytesOnly(int vocabulary) {
    List<String> ids = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      String token = String.valueOf(ByteLevel.character(b));
      ids.add("\"" + (token.equals("\"") || token.equals("\\") ? "\\" : "") + token + "\":" + b);
    }
    for (int id = ids.size(); id < vocabulary; id++) {
      ids.add("\"token" + id + "\":" + id);
    }
    String byteLevel = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true}";
    return "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":%s,\"decoder\":%s,\"post_processor\":null,\"model\":{\"type\":\"BPE\",\"vocab\":{%s},\"merges\":[]}}"
        .formatted(byteLevel, byteLevel, String.join(",", ids));
  }
}
