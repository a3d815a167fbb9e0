package dev.eeve.cli;

import dev.eeve.LoadOptions;
import dev.eeve.kernels.Blocking;
import picocli.CommandLine.Option;

/** The option that says how a prompt's matrix products are computed. */
final class PromptProducts {
  private static final String PLAIN = "plain";

  @Option(
      names = "--prompt-products",
      defaultValue = PLAIN,
      description =
          "plain, or strassen: long prompts faster; last bits then depend on a token's"
              + " neighbours.")
  private String products;

  /** The options with the block sizes of this choice. */
  LoadOptions on(LoadOptions options) {
    return switch (products) {
      case PLAIN -> options;
      case "strassen" -> options.withBlocking(Blocking.strassen());
      default ->
          throw new UsageException("--prompt-products: " + products + ", needed plain or strassen");
    };
  }

  /** As it was given. */
  String name() {
    return products;
  }
}
