package dev.eeve.tinyko;

import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A Korean language model of 7 million parameters that ships as a resource, Q8_0 with its
 * tokenizer: it writes what reads like movie reviews, knows nothing, and needs no download. How it
 * was made is in {@code MODEL_CARD.md} beside it.
 *
 * {@snippet :
 * try (LanguageModel model = TinyKorean.open()) {
 *   System.out.println(model.generate("오늘 본 영화는", model.generationConfig()).text());
 * }
 * }
 *
 * <p>{@link #open} is what programs need. {@link #extract} is for what takes a file's name; the
 * file exists until {@link #close}.
 */
public final class TinyKorean implements AutoCloseable {
  private static final String MODEL = "eeve-tiny-ko.gguf";
  private static final String SETTINGS = "generation_config.json";

  private final Path folder;

  private TinyKorean(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens the model with the default options.
   *
   * @return the model; the caller closes it
   * @throws IOException if the temporary folder cannot be written
   */
  public static LanguageModel open() throws IOException {
    return open(LoadOptions.defaults());
  }

  /**
   * Opens the model. It passes through a temporary folder, which is deleted before this returns.
   *
   * @param options type of the weights, threads, block sizes
   * @return the model; the caller closes it
   * @throws IOException if the temporary folder cannot be written
   */
  public static LanguageModel open(LoadOptions options) throws IOException {
    try (TinyKorean files = extract()) {
      return LanguageModel.open(files.model(), options);
    }
  }

  /**
   * Writes the model to a temporary folder.
   *
   * @return the files; the caller closes it, which deletes them
   * @throws IOException if the temporary folder cannot be written
   */
  public static TinyKorean extract() throws IOException {
    TinyKorean files = new TinyKorean(Files.createTempDirectory("eeve-tiny-ko"));
    try {
      for (String name : List.of(MODEL, SETTINGS)) {
        files.copy(name);
      }
      return files;
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    }
  }

  private void copy(String name) throws IOException {
    try (InputStream in = TinyKorean.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new FileNotFoundException(
            name + ": not a resource of eeve-tiny-ko, needed its jar whole; fetch it again");
      }
      Files.copy(in, folder.resolve(name));
    }
  }

  /**
   * The model's file, with generation_config.json beside it.
   *
   * @return a .gguf file
   */
  public Path model() {
    return folder.resolve(MODEL);
  }

  /** Deletes the files. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(folder.resolve(MODEL));
    Files.deleteIfExists(folder.resolve(SETTINGS));
    Files.deleteIfExists(folder);
  }
}
