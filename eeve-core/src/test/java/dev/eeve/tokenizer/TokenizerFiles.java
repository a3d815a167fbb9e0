package dev.eeve.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.knuddels.jtokkit.Encodings;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Tokenizer files for tests: hand-made ones, and phi-2's rebuilt from public ranks. */
public final class TokenizerFiles {
  private static Path rebuilt;

  private TokenizerFiles() {}

  /**
   * A tokenizer of the 256 bytes, byte b being id b, for tests of other packages.
   *
   * @return its tokenizer.json
   */
  public static String bytesOnlyJson() {
    return bytesOnly().toString();
  }

  /**
   * A tokenizer of the 256 bytes, byte b being id b, without merges or added tokens.
   *
   * @return its tree
   */
  @SuppressWarnings("exports")
  public static ObjectNode bytesOnly() {
    ObjectNode root = StrictJson.MAPPER.createObjectNode();
    root.put("version", "1.0");
    root.putNull("truncation").putNull("padding");
    root.putArray("added_tokens");
    root.putNull("normalizer");
    root.putObject("pre_tokenizer")
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", true);
    root.putNull("post_processor");
    root.putObject("decoder")
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", true);
    ObjectNode model = root.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab");
    for (int b = 0; b < 256; b++) {
      vocabulary.put(String.valueOf(ByteLevel.character(b)), b);
    }
    model.putArray("merges");
    return root;
  }

  /**
   * Adds a merge and the token it makes, if new, under the next id.
   *
   * @param root a tokenizer's tree
   * @param left spelled
   * @param right spelled
   */
  @SuppressWarnings("exports")
  public static void merge(ObjectNode root, String left, String right) {
    ObjectNode vocabulary = vocabulary(root);
    if (!vocabulary.has(left + right)) {
      vocabulary.put(left + right, vocabulary.size());
    }
    merges(root).add(left + " " + right);
  }

  static ObjectNode vocabulary(ObjectNode root) {
    return (ObjectNode) root.get("model").get("vocab");
  }

  static ArrayNode merges(ObjectNode root) {
    return (ArrayNode) root.get("model").get("merges");
  }

  /** Adds an added token with all flags off, and returns it. */
  static ObjectNode added(ObjectNode root, int id, String content) {
    return ((ArrayNode) root.get("added_tokens"))
        .addObject()
        .put("id", id)
        .put("content", content)
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", false);
  }

  static Tokenizer tokenizer(ObjectNode root) throws IOException {
    return Tokenizer.parse("t.json", StrictJson.MAPPER.writeValueAsBytes(root));
  }

  static Path write(Path folder, ObjectNode root) throws IOException {
    Path file = Files.createTempFile(folder, "tokenizer", ".json");
    return Files.write(file, StrictJson.MAPPER.writeValueAsBytes(root));
  }

  /** phi-2's tokenizer.json of the shared folder beside the repository, where there is one. */
  static Optional<Path> sharedPhi2() {
    return shared("tokenizer/phi-2/tokenizer.json");
  }

  /**
   * A file of the shared folder beside the repository, where there is one.
   *
   * @param name its path there
   * @return the file
   */
  public static Optional<Path> shared(String name) {
    Path folder = Path.of("").toAbsolutePath();
    while (folder != null && !Files.exists(folder.resolve(".ci"))) {
      folder = folder.getParent();
    }
    return Optional.ofNullable(folder)
        .map(root -> root.resolveSibling("shared").resolve(name))
        .filter(Files::exists);
  }

  /**
   * phi-2's tokenizer, rebuilt from the GPT-2 ranks inside jtokkit.
   *
   * @return its tokenizer.json
   */
  public static synchronized Path rebuiltPhi2() {
    if (rebuilt == null) {
      try {
        Path folder = Files.createTempDirectory("eeve-tokenizer");
        folder.toFile().deleteOnExit(); // after what is named later: the last named goes first
        rebuilt = write(folder, rebuild(readRanks()));
        rebuilt.toFile().deleteOnExit();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return rebuilt;
  }

  private static List<String> readRanks() throws IOException {
    List<String> tokens = new ArrayList<>();
    try (InputStream in = Encodings.class.getResourceAsStream("r50k_base.tiktoken")) {
      String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      text.lines()
          .map(line -> Base64.getDecoder().decode(line.substring(0, line.indexOf(' '))))
          .forEach(bytes -> tokens.add(ByteLevel.spell(bytes)));
    }
    return tokens;
  }

  private static ObjectNode rebuild(List<String> tokens) {
    ObjectNode root = bytesOnly();
    ObjectNode vocabulary = vocabulary(root).removeAll();
    Map<String, Integer> ranks = new HashMap<>();
    for (String token : tokens) {
      ranks.put(token, ranks.size());
      vocabulary.put(token, vocabulary.size());
    }
    for (String token : tokens) {
      if (token.length() > 1) {
        List<String> parts = split(token, ranks);
        merges(root).add(parts.get(0) + " " + parts.get(1));
      }
    }
    vocabulary.put("<|endoftext|>", vocabulary.size());
    added(root, 50256, "<|endoftext|>").put("special", true);
    int id = 50257;
    for (int n = 31; n >= 2; n--) {
      added(root, id++, " ".repeat(n)).put("normalized", true);
    }
    for (int n = 9; n >= 2; n--) {
      added(root, id++, "\t".repeat(n)).put("normalized", true);
    }
    return root;
  }

  /** The two parts that merges of lower rank leave of a token. */
  private static List<String> split(String token, Map<String, Integer> ranks) {
    int own = ranks.get(token);
    List<String> parts = new ArrayList<>(token.chars().mapToObj(Character::toString).toList());
    while (parts.size() > 2) {
      int best = own;
      int at = -1;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int rank = ranks.getOrDefault(parts.get(i) + parts.get(i + 1), own);
        if (rank < best) {
          best = rank;
          at = i;
        }
      }
      parts.set(at, parts.get(at) + parts.remove(at + 1));
    }
    return parts;
  }
}
