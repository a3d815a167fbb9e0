package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.adapter.LoraConfig;
import dev.eeve.adapter.RandomAdapter;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.checkpoint.TensorInfo;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.model.Session;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Adapters beside a model, and merged into it. */
class AdaptersTest {
  @SuppressWarnings("unused") // by name, below
  private static final List<String> MODELS = Golden.MODELS;

  private static final LoraConfig WEAK =
      new LoraConfig(4, 2, 0, false, LoraConfig.ALL_LINEAR, List.of());
  private static final LoraConfig OTHER =
      new LoraConfig(33, 40, 0, true, List.of("v_proj", "dense", "layers.0.mlp.fc2"), List.of());
  private static final LoraConfig SAVED =
      new LoraConfig(2, 2, 0, false, List.of("fc1"), List.of("embed_tokens", "lm_head"));
  private static final int[] TOKENS = {5, 17, 100, 3, 150, 88, 9, 41, 20, 12, 7, 66, 119, 1, 54};

  private final Arena arena = Arena.ofShared();
  @TempDir private Path folder;

  @AfterEach
  void close() {
    arena.close();
  }

  private static LanguageModel open(Path path, int threads) throws IOException {
    return LanguageModel.open(path, LoadOptions.defaults().withThreads(threads));
  }

  private LoraAdapter adapter(LanguageModel model, LoraConfig config, long seed) {
    return RandomAdapter.of(arena, model.phi().config().dimensions(), config, seed);
  }

  private static float[] logits(LanguageModel model, boolean step) {
    try (Session session = model.session(32)) {
      for (int i = 0; step && i < TOKENS.length; i++) {
        session.append(TOKENS, i, i + 1);
      }
      if (!step) {
        session.append(TOKENS, 0, TOKENS.length);
      }
      return session.logits().clone();
    }
  }

  private static double distance(float[] a, float[] b) {
    double error = 0;
    double length = 0;
    for (int i = 0; i < a.length; i++) {
      error += Math.pow((double) a[i] - b[i], 2);
      length += Math.pow(a[i], 2);
    }
    return Math.sqrt(error / length);
  }

  @ParameterizedTest
  @FieldSource("MODELS")
  void aPromptsBlockAndSingleStepsGiveTheSameBitsAtAnyThreadCount(String name) throws IOException {
    try (LanguageModel one = open(Golden.folder(name), 1);
        LanguageModel three = open(Golden.folder(name), 3)) {
      LoraAdapter weak = adapter(one, WEAK, 1);
      LoraAdapter saved = adapter(one, SAVED, 2);
      float[] plain = logits(one, false);
      float[] first = logits(one.withAdapters(weak, saved), false);
      assertTrue(distance(plain, first) > 0.01, "the adapters do something");
      assertArrayEquals(first, logits(one.withAdapters(weak, saved), true));
      assertArrayEquals(first, logits(three.withAdapters(weak, saved), false));
      assertArrayEquals(first, logits(three.withAdapters(weak, saved), true));
      assertArrayEquals(plain, logits(one, false), "the base is as it was");
      assertArrayEquals(plain, logits(one.withAdapters(weak).withAdapters(), false));
    }
  }

  /** An F32 base: the sum is rounded as an fp32 product is. */
  @Test
  void aMergedModelIsBaseAndAdapterToRounding() throws IOException {
    Path base = Golden.folder("tiny-f32");
    try (LanguageModel model = open(base, 2)) {
      for (LoraConfig config : List.of(WEAK, OTHER, SAVED)) {
        LoraAdapter adapter = adapter(model, config, 3);
        adapter.write(folder.resolve("adapter"), "base");
        Path merged = folder.resolve("merged");
        AdapterMerge.write(base, folder.resolve("adapter"), merged, 2);
        try (LanguageModel sum = open(merged, 2)) {
          float[] beside = logits(model.withAdapters(adapter), false);
          double distance = distance(beside, logits(sum, false));
          assertTrue(distance < 2e-5, config + ": " + distance);
          assertTrue(distance(beside, logits(model, false)) > 0.01);
        }
      }
    }
  }

  /** The sum in double, rounded once, is at most one rounding and fp32's own from what is there. */
  @ParameterizedTest
  @FieldSource("MODELS")
  void mergedWeightsAreTheSumRoundedOnceAndAllOthersTheirBytes(String name) throws IOException {
    Path base = Golden.folder(name);
    try (LanguageModel model = open(base, 1)) {
      LoraAdapter adapter = adapter(model, OTHER, 3);
      adapter.write(folder.resolve("adapter"), "base");
      AdapterMerge.write(base, folder.resolve("adapter"), folder.resolve("merged"), 2);
      PhiDimensions sizes = model.phi().config().dimensions();
      Map<String, byte[]> before = bytes(base);
      Map<String, byte[]> after = bytes(folder.resolve("merged"));
      assertEquals(before.keySet(), after.keySet());
      for (String tensor : before.keySet()) {
        boolean changes = adapter.update(tensor.replaceFirst("\\.weight$", "")).isPresent();
        assertEquals(!changes, Arrays.equals(before.get(tensor), after.get(tensor)), tensor);
      }
      assertTrue(sizes.shapes().keySet().containsAll(after.keySet()));
      try (LanguageModel merged = open(folder.resolve("merged"), 1)) {
        assertSum(model, merged, adapter);
      }
    }
    assertArrayEquals(
        Files.readAllBytes(base.resolve("config.json")),
        Files.readAllBytes(folder.resolve("merged/config.json")));
  }

  private static void assertSum(LanguageModel base, LanguageModel merged, LoraAdapter adapter) {
    var update = adapter.update("model.layers.1.self_attn.dense").orElseThrow();
    var was = base.phi().layers().get(1).dense().weight();
    var is = merged.phi().layers().get(1).dense().weight();
    double ulp =
        switch (was.type().name()) {
          case "F32" -> 0x1p-23;
          case "F16" -> 0x1p-11;
          default -> 0x1p-8;
        };
    float[] w = new float[was.columns()];
    float[] sum = new float[was.columns()];
    float[] b = new float[update.rank()];
    float[] a = new float[was.columns()];
    for (int r = 0; r < was.rows(); r++) {
      was.row(r, w, 0);
      is.row(r, sum, 0);
      update.b().row(r, b, 0);
      double[] expected = new double[w.length];
      for (int j = 0; j < b.length; j++) {
        update.a().row(j, a, 0);
        for (int k = 0; k < w.length; k++) {
          expected[k] += (double) update.scale() * b[j] * a[k];
        }
      }
      for (int k = 0; k < w.length; k++) {
        expected[k] += w[k];
        assertEquals(expected[k], sum[k], Math.abs(expected[k]) * ulp + 1e-6, "row " + r);
      }
    }
  }

  private static Map<String, byte[]> bytes(Path model) throws IOException {
    Map<String, byte[]> all = new TreeMap<>();
    try (ModelFolder files = ModelFolder.open(model)) {
      for (TensorInfo tensor : files.tensors().values()) {
        byte[] content = new byte[(int) tensor.byteSize()];
        files.read(tensor, 0, MemorySegment.ofArray(content));
        all.put(tensor.name(), content);
      }
    }
    return all;
  }

  @Test
  void severalAdaptersAreChosenPerRequestAndAddUp() throws Exception {
    try (LanguageModel model = open(Golden.folder("tiny-f32"), 2)) {
      LoraConfig strong = new LoraConfig(4, 20, 0, false, LoraConfig.ALL_LINEAR, List.of());
      LoraAdapter one = adapter(model, strong, 1);
      LoraAdapter other = adapter(model, OTHER, 2);
      GenerationConfig greedy = GenerationConfig.greedy(12).withIgnoreEos(true);
      List<LanguageModel> views =
          List.of(
              model,
              model.withAdapters(one),
              model.withAdapters(other),
              model.withAdapters(one, other));
      List<List<Integer>> alone =
          views.stream().map(view -> view.generate(TOKENS, greedy).tokens()).toList();
      assertNotEquals(alone.get(0), alone.get(1));
      assertNotEquals(alone.get(1), alone.get(2));
      List<CompletableFuture<List<Integer>>> together =
          views.stream()
              .map(v -> CompletableFuture.supplyAsync(() -> v.generate(TOKENS, greedy).tokens()))
              .toList();
      for (int i = 0; i < alone.size(); i++) {
        assertEquals(alone.get(i), together.get(i).get());
      }
      views.get(3).close();
      assertEquals(alone.get(0), model.generate(TOKENS, greedy).tokens(), "still open");
      one.write(folder.resolve("one"), "base");
      other.write(folder.resolve("other"), "base");
      Path first = folder.resolve("first");
      Path both = folder.resolve("both");
      AdapterMerge.write(Golden.folder("tiny-f32"), folder.resolve("one"), first, 1);
      AdapterMerge.write(first, folder.resolve("other"), both, 1);
      try (LanguageModel sum = open(both, 2)) {
        assertTrue(distance(logits(views.get(3), false), logits(sum, false)) < 2e-5);
      }
    }
  }

  @Test
  void adaptersThatDoNotGoTogetherAreRefusedByName() throws IOException {
    try (LanguageModel model = open(Golden.folder("tiny-f32"), 1);
        LanguageModel wide = open(Golden.folder("tiny-f16-sharded"), 1)) {
      LoraAdapter saved = adapter(model, SAVED, 1);
      assertRefused("adapter: adapter and adapter both replace", model, saved, saved);
      assertRefused("adapter: adapter is for PhiDimensions", wide, saved);
      saved.write(folder.resolve("adapter"), "base");
      IOException e =
          assertThrows(IOException.class, () -> wide.readAdapter(folder.resolve("adapter")));
      assertTrue(e.getMessage().contains("take adapter and model of one size"), e.getMessage());
    }
    Path base = Golden.folder("tiny-f32");
    Path adapter = folder.resolve("adapter");
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> AdapterMerge.write(base, adapter, adapter, 1));
    assertTrue(e.getMessage().startsWith("output: "), e.getMessage());
    Path file = base.resolve("model.safetensors");
    e =
        assertThrows(
            IllegalArgumentException.class,
            () -> AdapterMerge.write(file, adapter, folder.resolve("x"), 1));
    assertTrue(e.getMessage().startsWith("model: "), e.getMessage());
  }

  private static void assertRefused(String start, LanguageModel model, LoraAdapter... adapters) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> model.withAdapters(adapters));
    assertTrue(e.getMessage().startsWith(start), e.getMessage());
  }
}
