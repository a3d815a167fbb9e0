package dev.eeve.cli;

import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.kernels.ElementType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Option;

/** What every command shares. */
abstract class BaseCommand implements Callable<Integer> {
  /** Where results go; set by the factory. */
  Output output;

  @Option(names = "--threads", description = "Threads of one computation; all processors.")
  Integer threads;

  @Option(names = "--json", description = "Print one JSON document.")
  boolean json;

  static Path required(Path model) {
    if (model == null) {
      throw new UsageException("--model: missing; pass a Hugging Face model folder");
    }
    return model;
  }

  /** Opens a model folder. */
  LanguageModel open(Path model, String dtype) throws IOException {
    return LanguageModel.open(required(model), options(dtype));
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
    return dtype.equals("auto") ? options : options.withDtype(elementType(dtype));
  }

  private static ElementType elementType(String dtype) {
    return switch (dtype.toLowerCase(Locale.ROOT)) {
      case "f32" -> ElementType.F32;
      case "f16" -> ElementType.F16;
      case "bf16" -> ElementType.BF16;
      default -> throw new UsageException("--dtype: " + dtype + ", needed auto, f32, f16 or bf16");
    };
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
