package dev.eeve;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.Gguf;
import dev.eeve.model.LoadListener;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A GGUF file whose header still parses may lie in its keys: settings, tokens, names, shapes. */
@Timeout(60) // a hang fails instead of stopping the build
class HostileGgufModelTest {
  private static final int[] WORDS = {
    0, 1, 2, 3, 4, 5, 6, 7, 31, 33, 255, 65_536, 1 << 20, Integer.MAX_VALUE, Integer.MIN_VALUE, -1
  };

  private static Path model(Path folder) throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(Golden.folder("tiny-f32").resolve(name), model.resolve(name));
    }
    Files.write(model.resolve("tokenizer.json"), ByteTokenizer.json());
    Path file = folder.resolve("good.gguf");
    GgufExport.write(model, DType.Q8_0, file, false, LoadListener.NONE);
    return file;
  }

  @Test
  void aMutatedHeaderIsReadOrRefusedInOneLine(@TempDir Path folder) throws IOException {
    byte[] good = Files.readAllBytes(model(folder));
    int header;
    try (Gguf file = Gguf.open(folder.resolve("good.gguf"))) {
      long data = file.tensors().lastEntry().getValue().end();
      header = (int) (good.length - data - 32);
    }
    Path bad = folder.resolve("bad.gguf");
    Random random = new Random(3);
    int read = 0;
    int files = 3000;
    for (int i = 0; i < files; i++) {
      byte[] content = good.clone();
      for (int changes = 1 + random.nextInt(2); changes > 0; changes--) {
        int at = random.nextInt(header);
        if (random.nextBoolean()) {
          content[at] ^= (byte) (1 << random.nextInt(8));
        } else {
          ByteBuffer.wrap(content)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putInt(at, WORDS[random.nextInt(WORDS.length)]);
        }
      }
      Files.write(bad, content);
      try {
        ModelInfo info = ModelInfo.read(bad, LoadOptions.defaults());
        assertTrue(info.config().vocabSize() > 0);
        read++;
      } catch (IOException e) {
        assertTrue(e.getMessage().startsWith(bad + ": "), e.getMessage());
        assertTrue(e.getMessage().lines().count() == 1, e.getMessage());
      }
    }
    // else the mutations are too tame, or too wild, to try anything
    assertTrue(read > files / 100 && read < files * 9 / 10, read + " files read");
  }
}
