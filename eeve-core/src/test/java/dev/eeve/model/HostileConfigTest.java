package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Golden;
import dev.eeve.Mutator;
import dev.eeve.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60) // a hang fails instead of stopping the build
class HostileConfigTest {
  private static final Path FILE = Path.of("config.json");

  private static final String OLD =
      """
      {"model_type":"phi-msft","vocab_size":320,"n_embd":64,"n_layer":2,"n_head":4,"n_inner":null,
       "n_head_kv":2,"n_positions":128,"rotary_dim":6,"layer_norm_epsilon":1e-05,
       "activation_function":"gelu_new","eos_token_id":[1,2],
       "rope_parameters":{"rope_type":"default","rope_theta":10000.0}}""";

  @Test
  void aMutatedConfigIsReadOrRefused() throws IOException {
    Mutator mutator = new Mutator(3);
    List<byte[]> good =
        List.of(
            OLD.getBytes(StandardCharsets.UTF_8),
            Files.readAllBytes(Golden.folder("tiny-f32").resolve("config.json")));
    for (String first : List.of("{", "{}")) { // the first call of all allocates for classes
      byte[] bad = first.getBytes(StandardCharsets.UTF_8);
      assertThrows(CheckpointException.class, () -> PhiConfig.parse(FILE, bad));
    }
    int read = 0;
    int configs = 12_000;
    for (int i = 0; i < configs; i++) {
      byte[] content = mutator.mutate(good.get(i % 2));
      long before = Mutator.allocatedBytes();
      try {
        PhiConfig config = PhiConfig.parse(FILE, content);
        read++;
        assertTrue(config.parameterCount() > 0);
        assertTrue(config.rotaryDim() > 0 && config.rotaryDim() <= config.headDim());
        assertEquals(config, PhiConfig.parse(FILE, config.toJson()));
      } catch (CheckpointException e) {
        assertTrue(e.getMessage().startsWith("config.json: "), e.getMessage());
        long allocated = Mutator.allocatedBytes() - before;
        assertTrue(
            allocated < 1_000_000 + 100 * content.length,
            () -> allocated + " bytes for " + new String(content, StandardCharsets.UTF_8));
      }
    }
    assertTrue(read > configs / 100 && read < configs / 2, read + " configs read");
  }
}
