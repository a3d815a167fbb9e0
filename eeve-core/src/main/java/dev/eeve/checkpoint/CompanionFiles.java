package dev.eeve.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** What stands beside the weights in a model folder and belongs with them as it is. */
public final class CompanionFiles {
  /** The names, config.json apart. */
  public static final List<String> NAMES =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "generation_config.json",
          "expansion.json");

  private CompanionFiles() {}

  /**
   * Reads those that are there.
   *
   * @param folder a model folder
   * @return contents by name
   * @throws IOException names a file that cannot be read
   */
  public static SequencedMap<String, byte[]> read(Path folder) throws IOException {
    SequencedMap<String, byte[]> files = new LinkedHashMap<>();
    for (String name : NAMES) {
      Path file = folder.resolve(name);
      if (Files.isRegularFile(file)) {
        files.put(name, Files.readAllBytes(file));
      }
    }
    return files;
  }
}
