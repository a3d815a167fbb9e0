package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.model.Session;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EmbeddingInitializerTest {
  @TempDir Path folder;

  private static byte[] read(ModelFolder model, String name) throws IOException {
    TensorInfo tensor = model.tensors().get(name);
    byte[] bytes = new byte[(int) tensor.byteSize()];
    model.read(tensor, 0, ByteBuffer.wrap(bytes));
    return bytes;
  }

  private static float value(byte[] bytes, DType dtype, int i) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return switch (dtype) {
      case F32 -> buffer.getFloat(i * 4);
      case F16 -> Float.float16ToFloat(buffer.getShort(i * 2));
      default -> Float.intBitsToFloat(buffer.getShort(i * 2) << 16);
    };
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void newRowsAreMeansAndFirstOnesAndOldRowsTheirOldBits(DType dtype) throws IOException {
    Path base = SmallBase.write(folder.resolve("base"), dtype);
    Path corpus = SmallBase.corpus(folder.resolve("c.txt"), 3000, 1);
    Path output = folder.resolve("wide");
    VocabularyExpander expander =
        VocabularyExpander.open(
            base, ExpansionConfig.defaults().withIntermediateVocabSize(1500).withMinCount(2));
    expander.shardAt(600_000);
    ExpansionReport report = expander.expand(List.of(corpus), List.of(), output);
    assertTrue(Files.exists(output.resolve("model.safetensors.index.json")));
    int first = 50_295;
    int last = first + report.newIds();
    assertTrue(last > SmallBase.VOCABULARY && report.vocabSize() > last, report.vocabSize() + "");
    Tokenizer before = Tokenizer.read(base.resolve("tokenizer.json"));
    try (ModelFolder old = ModelFolder.open(base);
        ModelFolder wide = ModelFolder.open(output)) {
      for (String name : wide.tensors().keySet()) {
        byte[] a = read(old, name);
        byte[] b = read(wide, name);
        boolean matrix = name.equals("model.embed_tokens.weight");
        if (!matrix && !name.startsWith("lm_head")) {
          assertArrayEquals(a, b, name);
          continue;
        }
        int columns = name.endsWith("bias") ? 1 : 8;
        int rowBytes = columns * dtype.bytes();
        assertEquals(report.vocabSize() * rowBytes, b.length);
        assertArrayEquals(Arrays.copyOf(a, first * rowBytes), Arrays.copyOf(b, first * rowBytes));
        for (ExpansionReport.Token token : report.tokens()) {
          if (token.part()) {
            continue;
          }
          int[] old1 = before.encode(token.text(), false);
          for (int i = 0; i < columns; i++) {
            float expected = value(a, dtype, old1[0] * columns + i);
            if (matrix) {
              float sum = 0;
              for (int id : old1) {
                sum += value(a, dtype, id * columns + i);
              }
              expected = nearest(sum / old1.length, dtype);
            }
            assertEquals(expected, value(b, dtype, token.id() * columns + i), token.text());
          }
        }
        double mean = 0;
        for (int row = 0; row < SmallBase.VOCABULARY; row++) {
          mean += value(a, dtype, row * columns);
        }
        mean /= SmallBase.VOCABULARY;
        for (int i = 0; i < 4; i++) {
          byte[] special =
              Arrays.copyOfRange(b, (last - 4 + i) * rowBytes, (last - 3 + i) * rowBytes);
          byte[] end = Arrays.copyOfRange(a, 50_256 * rowBytes, 50_257 * rowBytes);
          assertArrayEquals(end, special);
        }
        assertEquals(mean, value(b, dtype, last * columns), 1e-2 * Math.abs(mean) + 1e-9);
      }
    }
  }

  @Test
  void randomRowsAreNewOnesOnlyAndTheSeedsOwn() throws IOException {
    Path base = SmallBase.write(folder.resolve("base"), DType.F32);
    Path corpus = SmallBase.corpus(folder.resolve("c.txt"), 1000, 1);
    byte[][] embeddings = new byte[3][];
    int newIds = 0;
    for (int run = 0; run < 3; run++) {
      VocabularyExpander expander =
          VocabularyExpander.open(base, ExpansionConfig.defaults().withIntermediateVocabSize(300));
      expander.initializeRandomly(run / 2);
      Path output = folder.resolve("wide" + run);
      newIds = expander.expand(List.of(corpus), List.of(), output).newIds();
      try (ModelFolder wide = ModelFolder.open(output)) {
        embeddings[run] = read(wide, "model.embed_tokens.weight");
        byte[] bias = read(wide, "lm_head.bias");
        assertEquals(0f, value(bias, DType.F32, 50_295));
      }
    }
    assertArrayEquals(embeddings[0], embeddings[1]);
    int first = 50_295 * 8;
    try (ModelFolder old = ModelFolder.open(base)) {
      byte[] before = read(old, "model.embed_tokens.weight");
      for (byte[] after : embeddings) {
        assertArrayEquals(Arrays.copyOf(before, first * 4), Arrays.copyOf(after, first * 4));
      }
    }
    double squares = 0;
    int differing = 0;
    for (int i = first; i < first + newIds * 8; i++) {
      float value = value(embeddings[0], DType.F32, i);
      squares += value * value;
      differing += value == value(embeddings[2], DType.F32, i) ? 0 : 1;
    }
    assertEquals(0.02, Math.sqrt(squares / newIds / 8), 0.001);
    assertTrue(differing > newIds * 8 * 0.99);
  }

  private static float nearest(float value, DType dtype) {
    return switch (dtype) {
      case F32 -> value;
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      default -> nearestBfloat16(value);
    };
  }

  /** By exact comparison of the two neighbours. */
  private static float nearestBfloat16(float value) {
    float low = Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xFFFF0000);
    float high = Float.intBitsToFloat((Float.floatToRawIntBits(value) & 0xFFFF0000) + 0x10000);
    BigDecimal exact = new BigDecimal(value);
    int nearer =
        exact
            .subtract(new BigDecimal(low))
            .abs()
            .compareTo(exact.subtract(new BigDecimal(high)).abs());
    boolean lowIsEven = (Float.floatToRawIntBits(low) >>> 16 & 1) == 0;
    return nearer < 0 || nearer == 0 && lowIsEven ? low : high;
  }

  @Test
  void oldIdsKeepTheirLogitsAndNewOnesHaveTheirFirstTokens() throws IOException {
    Path base = SmallBase.write(folder.resolve("base"), DType.F32);
    Path corpus = SmallBase.corpus(folder.resolve("c.txt"), 2000, 1);
    Path output = folder.resolve("wide");
    ExpansionReport report =
        VocabularyExpander.open(
                base, ExpansionConfig.defaults().withIntermediateVocabSize(500).withMinCount(2))
            .expand(List.of(corpus), List.of(), output);
    try (LanguageModel old = LanguageModel.open(base, LoadOptions.defaults().withThreads(1));
        LanguageModel wide = LanguageModel.open(output, LoadOptions.defaults().withThreads(1));
        Session one = old.session(16);
        Session two = wide.session(16)) {
      int[] ids = old.tokenizer().orElseThrow().encode("The price is 12 won.", false);
      one.append(ids, 0, ids.length);
      two.append(ids, 0, ids.length);
      float[] a = one.logits();
      float[] b = two.logits();
      for (int id = 0; id < report.firstNewId(); id++) {
        assertEquals(Float.floatToRawIntBits(a[id]), Float.floatToRawIntBits(b[id]), "id " + id);
      }
      for (ExpansionReport.Token token : report.tokens()) {
        if (!token.part()) {
          int s1 = old.tokenizer().orElseThrow().encode(token.text(), false)[0];
          assertEquals(a[s1], b[token.id()], token.text());
        }
      }
    }
  }

  @Test
  void aTokenWithoutOldOnesIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new EmbeddingInitializer(5, List.of(new int[0]), 8));
    assertThrows(
        IllegalArgumentException.class,
        () -> new EmbeddingInitializer(5, List.of(new int[] {1}), 5));
  }
}
