package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LoadOptions;
import dev.eeve.ModelInfo;
import dev.eeve.evaluation.ModelBenchmark;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code eeve bench}. */
@Command(
    name = "bench",
    description = "Speed of a model or a shape beside the machine's limits.",
    mixinStandardHelpOptions = true)
final class BenchCommand extends BaseCommand {
  private static final long SEED = 1;

  @ArgGroup(multiplicity = "1")
  private Subject subject;

  /** Exactly one of them. */
  static final class Subject {
    @Option(names = "--model", description = "A Hugging Face model folder or a .gguf file.")
    private Path model;

    @Option(names = "--shape", description = "phi-2 or eeve-2.8b, with random weights.")
    private String shape;
  }

  @Option(
      names = "--dtype",
      defaultValue = "auto",
      description = "auto, f32, f16, bf16, q8_0 or q4_0.")
  private String dtype;

  @Option(names = "--prompt", defaultValue = "128", description = "Tokens of the prompt; 128.")
  private int prompt;

  @Option(names = "--decode", defaultValue = "32", description = "Single steps measured; 32.")
  private int decode;

  @Mixin private PromptProducts promptProducts;

  @Override
  public Integer call() throws IOException {
    if (prompt < 1 || decode < 1) {
      throw new UsageException("--prompt and --decode: needed at least 1 of each");
    }
    LoadOptions options = promptProducts.on(options(dtype));
    PhiConfig config = config();
    int context = config.maxPositionEmbeddings();
    if ((long) prompt + decode > context) {
      throw new IllegalArgumentException(
          "--prompt and --decode: %d together, the context holds %d"
              .formatted((long) prompt + decode, context));
    }
    long start = System.nanoTime();
    try (PhiModel model = load(config, options);
        WorkerPool pool = new WorkerPool(options.threads())) {
      double loadMs = (System.nanoTime() - start) / 1e6;
      String name = subject.shape == null ? subject.model.toString() : subject.shape;
      print(ModelBenchmark.run(name, model, loadMs, pool, options.blocking(), prompt, decode));
    }
    return 0;
  }

  private PhiConfig config() throws IOException {
    if (subject.model != null) {
      return ModelInfo.read(required(subject.model), options(dtype)).config();
    }
    return switch (subject.shape) {
      case "phi-2" -> PhiConfig.phi2();
      case "eeve-2.8b" -> PhiConfig.eeve2_8b();
      default ->
          throw new UsageException("--shape: " + subject.shape + ", needed phi-2 or eeve-2.8b");
    };
  }

  private PhiModel load(PhiConfig config, LoadOptions options) throws IOException {
    Optional<ElementType> type = options.dtype();
    try (Progress progress = new Progress(console)) {
      return subject.model != null
          ? PhiModel.open(
              subject.model,
              type,
              options.threads(),
              (done, total) -> progress.update("loading", done, total))
          : PhiModel.random(config, type.orElse(ElementType.BF16), SEED, options.threads());
    } catch (IllegalArgumentException e) {
      throw Messages.under("--dtype", "dtype", e);
    }
  }

  private void print(ModelBenchmark.Result result) {
    if (!json) {
      output.line(
          String.format(
              Locale.ROOT,
              "%s %s, %d threads, %s prompt products\n"
                  + "prompt of %d: %.1f tokens/s, %.1f %% of the multiply-add peak (%.0f GFLOP/s)\n"
                  + "decode: %.2f tokens/s, %.1f %% of the read rate (%.1f GB/s)",
              result.shape(),
              dtypeName(result.dtype()),
              result.threads(),
              promptProducts.name(),
              result.promptTokens(),
              result.promptTokensPerS(),
              100 * result.promptShareOfPeak(),
              result.fmaPeakGflops(),
              result.decodeTokensPerS(),
              100 * result.decodeShareOfReadRate(),
              result.readGbPerS()));
      return;
    }
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("shape", result.shape());
    root.put("dtype", dtypeName(result.dtype()));
    root.put("threads", result.threads());
    root.put("parameters", result.parameters());
    root.put("decode_bytes_per_token", result.decodeBytesPerToken());
    root.put("prompt_flops_per_token", result.promptFlopsPerToken());
    if (result.peakRssBytes().isPresent()) {
      root.put("peak_rss_bytes", result.peakRssBytes().getAsLong());
    } else {
      root.putNull("peak_rss_bytes");
    }
    root.put("load_ms", result.loadMs());
    root.put("prompt_tokens", result.promptTokens());
    root.put("prompt_tokens_per_s", result.promptTokensPerS());
    root.put("decode_tokens_per_s", result.decodeTokensPerS());
    root.put("fma_peak_gflops", result.fmaPeakGflops());
    root.put("read_gb_per_s", result.readGbPerS());
    root.put("prompt_products", promptProducts.name());
    output.json(root);
  }

  private static String dtypeName(ElementType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
