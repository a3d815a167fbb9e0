package dev.eeve.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/** Small GGUF files by the writer itself. */
final class GgufFiles {
  private GgufFiles() {}

  /** A key of every type, and arrays. */
  static SequencedMap<String, GgufValue> keys() {
    SequencedMap<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put("general.architecture", GgufValue.of("phi2"));
    keys.put("general.alignment", GgufValue.of(32));
    long[] values = {200, -100, 60_000, -30_000, 4_000_000_000L, -2_000_000_000};
    for (int type = 0; type < values.length; type++) {
      keys.put("whole." + type, new GgufValue.Whole(GgufType.values()[type], values[type]));
    }
    keys.put("u64", new GgufValue.Whole(GgufType.UINT64, -1));
    keys.put("i64", new GgufValue.Whole(GgufType.INT64, Long.MIN_VALUE));
    keys.put("f32", GgufValue.of(1e-5f));
    keys.put("f64", new GgufValue.Real(GgufType.FLOAT64, Math.PI));
    keys.put("bool", GgufValue.of(true));
    keys.put("text", GgufValue.of("한국어 \n"));
    keys.put("texts", GgufValue.strings(List.of("", "Ġa", "가")));
    keys.put("integers", GgufValue.integers(List.of(1, -2, 3)));
    keys.put("reals", new GgufValue.Array(GgufType.FLOAT32, List.of(0.5, -2.0)));
    keys.put("flags", new GgufValue.Array(GgufType.BOOL, List.of(true, false)));
    keys.put("nothing", GgufValue.strings(List.of()));
    return keys;
  }

  static List<TensorSpec> specs() {
    return List.of(
        TestFiles.spec("token_embd.weight", DType.Q8_0, 3, 64),
        TestFiles.spec("blk.0.ffn_up.weight", DType.Q4_0, 5, 32),
        TestFiles.spec("blk.0.ffn_up.bias", DType.F32, 5),
        TestFiles.spec("output.weight", DType.F16, 3, 7),
        TestFiles.spec("output.bias", DType.BF16, 3));
  }

  static Path write(Path file, Map<String, GgufValue> keys, List<TensorSpec> specs)
      throws IOException {
    try (GgufWriter writer = GgufWriter.create(file, keys, specs)) {
      for (TensorSpec tensor : writer.order()) {
        writer.write(tensor.name(), TestFiles.randomBytes(tensor));
      }
      writer.finish();
    }
    return file;
  }
}
