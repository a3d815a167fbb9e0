package dev.eeve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** A tokenizer of single bytes: id 0 is the special {@code <|end|>}, id b + 1 the byte b. */
public final class ByteTokenizer {
  /** Ids that have a token. */
  public static final int SIZE = 257;

  private ByteTokenizer() {}

  /**
   * Makes it.
   *
   * @return a tokenizer
   * @throws IOException never
   */
  public static Tokenizer make() throws IOException {
    return Tokenizer.parse("t.json", json());
  }

  /**
   * Its file.
   *
   * @return a tokenizer.json
   * @throws IOException never
   */
  public static byte[] json() throws IOException {
    ObjectNode root = StrictJson.MAPPER.createObjectNode().put("version", "1.0");
    ObjectNode end = root.putArray("added_tokens").addObject().put("id", 0);
    end.put("content", "<|end|>").put("single_word", false).put("lstrip", false);
    end.put("rstrip", false).put("normalized", false).put("special", true);
    root.putNull("normalizer").putNull("post_processor");
    for (String part : new String[] {"pre_tokenizer", "decoder"}) {
      root.putObject(part)
          .put("type", "ByteLevel")
          .put("add_prefix_space", false)
          .put("trim_offsets", true)
          .put("use_regex", true);
    }
    ObjectNode model = root.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab").put("<|end|>", 0);
    int beyond = 256;
    for (int b = 0; b < 256; b++) {
      boolean itself = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      vocabulary.put(String.valueOf((char) (itself ? b : beyond++)), b + 1);
    }
    model.putArray("merges");
    return StrictJson.MAPPER.writeValueAsBytes(root);
  }

  /**
   * The ids of a text.
   *
   * @param text any text
   * @return one for each of its UTF-8 bytes
   */
  public static int[] ids(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (bytes[i] & 0xFF) + 1;
    }
    return ids;
  }
}
