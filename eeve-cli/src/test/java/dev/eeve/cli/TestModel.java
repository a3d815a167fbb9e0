package dev.eeve.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A tiny golden model with a tokenizer of single bytes: id 0 is the special {@code <|endoftext|>},
 * id b + 1 the byte b, and the rest of the 320 rows are padding.
 */
final class TestModel {
  static final String EOS = "<|endoftext|>";

  private TestModel() {}

  static Path in(Path folder) throws IOException {
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(Run.golden("tiny-f32").resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer());
    return folder;
  }

  /** The ids of a text. */
  static String ids(String text) {
    StringBuilder ids = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      ids.append(ids.isEmpty() ? "" : ",").append((b & 0xFF) + 1);
    }
    return ids.toString();
  }

  private static String tokenizer() throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode root = mapper.createObjectNode().put("version", "1.0");
    ArrayNode added = root.putArray("added_tokens");
    ObjectNode eos = added.addObject().put("id", 0).put("content", EOS);
    eos.put("single_word", false).put("lstrip", false).put("rstrip", false);
    eos.put("normalized", false).put("special", true);
    root.putNull("normalizer").putNull("post_processor");
    for (String part : new String[] {"pre_tokenizer", "decoder"}) {
      root.putObject(part)
          .put("type", "ByteLevel")
          .put("add_prefix_space", false)
          .put("trim_offsets", true)
          .put("use_regex", true);
    }
    ObjectNode model = root.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab").put(EOS, 0);
    int beyond = 256;
    for (int b = 0; b < 256; b++) {
      boolean itself = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      vocabulary.put(String.valueOf((char) (itself ? b : beyond++)), b + 1);
    }
    model.putArray("merges");
    return mapper.writeValueAsString(root);
  }
}
