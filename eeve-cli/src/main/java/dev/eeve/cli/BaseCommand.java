package dev.eeve.cli;

import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.kernels.ElementType;
import dev.eeve.tinyko.TinyKorean;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Option;

/** What every command shares. */
abstract class BaseCommand implements Callable<Integer> {
  /** Set by the factory. */
  Console console;

  /** Where results go; set by the factory. */
  Output output;

  @Option(names = "--threads", description = "Threads of one computation; all processors.")
  Integer threads;

  @Option(names = "--json", description = "Print one JSON document.")
  boolean json;

  static Path required(Path model) {
    if (model == null) {
      throw new UsageException(
          "--model: missing, and this command takes no model but yours; pass a Hugging Face model"
              + " folder");
    }
    return model;
  }

  /** What works on a model's file. */
  @FunctionalInterface
  interface ModelWork<T> {
    T on(Path model) throws IOException;
  }

  /** Does something with a model, the one that ships with the tool where none is given. */
  static <T> T withModel(Path given, ModelWork<T> work) throws IOException {
    if (given != null) {
      return work.on(given);
    }
    try (TinyKorean shipped = TinyKorean.extract()) {
      return work.on(shipped.model());
    }
  }

  /** Opens a model, the one that ships with the tool where none is given. */
  LanguageModel open(Path model, String dtype) throws IOException {
    return open(model, options(dtype));
  }

  private LanguageModel open(Path model, LoadOptions options) throws IOException {
    try (Progress progress = new Progress(console)) {
      LoadOptions shown =
          options.withListener((done, total) -> progress.update("loading", done, total));
      return withModel(model, path -> LanguageModel.open(path, shown));
    } catch (IllegalArgumentException e) {
      throw Messages.under("--dtype", "dtype", e);
    }
  }

  /** Opens a model and the adapters beside it. */
  OpenModel open(Path model, String dtype, List<Path> adapters) throws IOException {
    return open(model, options(dtype), adapters);
  }

  /** Opens a model and the adapters beside it. */
  OpenModel open(Path model, LoadOptions options, List<Path> adapters) throws IOException {
    return OpenModel.of(open(model, options), adapters);
  }

  /** The options of the command line. */
  LoadOptions options(String dtype) {
    LoadOptions options = LoadOptions.defaults();
    if (threads != null) {
      if (threads < 1) {
        throw new UsageException("--threads: " + threads + ", needed at least 1");
      }
      options = options.withThreads(threads);
    }
    return dtype.equals("auto")
        ? options
        : options.withDtype(
            elementType(
                "--dtype",
                dtype,
                "auto, f32, f16, bf16, q8_0 or q4_0",
                List.of(ElementType.values())));
  }

  /** The options of the command line where it also says how keys and values are kept. */
  LoadOptions options(String dtype, String cacheType) {
    return options(dtype)
        .withCacheType(
            elementType(
                "--cache-type",
                cacheType,
                "f32, f16, bf16 or q8_0",
                List.of(ElementType.F32, ElementType.F16, ElementType.BF16, ElementType.Q8_0)));
  }

  private static ElementType elementType(
      String option, String name, String needed, List<ElementType> types) {
    return types.stream()
        .filter(type -> type.name().toLowerCase(Locale.ROOT).equals(name))
        .findFirst()
        .orElseThrow(() -> new UsageException(option + ": " + name + ", needed " + needed));
  }

  /** Parses comma-separated ids. */
  static int[] ids(String option, String list) {
    String[] parts = list.split(",", -1);
    int[] ids = new int[parts.length];
    for (int i = 0; i < parts.length; i++) {
      try {
        ids[i] = Integer.parseInt(parts[i].strip());
      } catch (NumberFormatException e) {
        throw new UsageException(option + ": \"" + parts[i] + "\", needed token ids such as 1,2,3");
      }
    }
    return ids;
  }
}
