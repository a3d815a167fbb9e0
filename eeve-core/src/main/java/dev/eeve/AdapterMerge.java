package dev.eeve;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.adapter.MergedFolder;
import dev.eeve.checkpoint.CompanionFiles;
import dev.eeve.model.PhiConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes a plain model of a base and an adapter: {@code W + s · B A} in fp32, rounded once to the
 * base's own type. The base stays as it is, so that unmerging is to use it again, or, in memory,
 * {@link LanguageModel#withAdapters}: taking a rounded sum apart would not give its bits back.
 */
public final class AdapterMerge {
  private AdapterMerge() {}

  /**
   * Writes the model folder, tokenizer included. The model is never in memory.
   *
   * @param model an unquantized Hugging Face model folder
   * @param adapter PEFT's folder
   * @param output another folder; made if it is not there
   * @param threads that share one computation
   * @throws IOException names the file and the tensor or key that is wrong
   * @throws IllegalArgumentException for a GGUF file, or an output that is one of the inputs
   */
  public static void write(Path model, Path adapter, Path output, int threads) throws IOException {
    if (Files.isRegularFile(model)) {
      throw new IllegalArgumentException(
          "model: "
              + model
              + " is a file, needed a model folder; its weights would be rounded twice");
    }
    for (Path input : List.of(model, adapter)) {
      if (Files.exists(output) && Files.exists(input) && Files.isSameFile(output, input)) {
        throw new IllegalArgumentException(
            "output: " + output + " is an input; choose another folder");
      }
    }
    Path settings = model.resolve("config.json");
    PhiConfig config = PhiConfig.read(settings);
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("config.json", Files.readAllBytes(settings));
    files.putAll(CompanionFiles.read(model));
    try (LoraAdapter read = LoraAdapter.read(adapter, config.dimensions())) {
      MergedFolder.write(
          model, config.dimensions(), List.of(read), output, type -> type, files, threads);
    }
  }
}
