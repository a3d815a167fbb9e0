package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.generation.GeneratedToken;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.PromptTemplate;
import dev.eeve.generation.TokenStream;
import dev.eeve.model.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code eeve generate}. */
@Command(name = "generate", description = "Continue a text.", mixinStandardHelpOptions = true)
final class GenerateCommand extends BaseCommand {
  @Option(
      names = "--model",
      description = "A model folder or a .gguf file; the model that ships with the tool.")
  private Path model;

  @ArgGroup(multiplicity = "1")
  private Prompt prompt;

  /** Exactly one of them. */
  static final class Prompt {
    @Option(names = "--prompt", description = "The text to continue.")
    private String text;

    @Option(names = "--prompt-file", description = "A file with the text to continue.")
    private Path file;

    @Option(names = "--prompt-tokens", description = "Token ids to continue, as 1,2,3.")
    private String tokens;
  }

  @Option(names = "--max-new-tokens", description = "Limit of new tokens; 128.")
  private Integer maxNewTokens;

  @Option(names = "--temperature", description = "0 is greedy, the default.")
  private Float temperature;

  @Option(names = "--top-k", description = "Sample among the k likeliest tokens.")
  private Integer topK;

  @Option(names = "--top-p", description = "Sample among tokens that reach this probability.")
  private Float topP;

  @Option(names = "--min-p", description = "Sample among tokens at least this likely, relatively.")
  private Float minP;

  @Option(names = "--repetition-penalty", description = "Makes seen tokens less likely; 1 is off.")
  private Float repetitionPenalty;

  @Option(names = "--seed", description = "Of the random numbers.")
  private Long seed;

  @Option(names = "--stop", description = "Ends the text; may be repeated.")
  private List<String> stop = List.of();

  @Option(names = "--ignore-eos", description = "Go on after the end of a document.")
  private boolean ignoreEos;

  @Option(
      names = "--dtype",
      defaultValue = "auto",
      description = "auto, f32, f16, bf16, q8_0 or q4_0.")
  private String dtype;

  @Option(
      names = "--prompt-lookup",
      description = "Verify drafts from the text so far: the same tokens, faster where it repeats.")
  private boolean promptLookup;

  @Option(
      names = "--cache-type",
      defaultValue = "f32",
      description = "How keys and values are kept: f32, f16, bf16 or q8_0.")
  private String cacheType;

  @Mixin private PromptProducts promptProducts;

  @Option(
      names = "--save-cache",
      paramLabel = "F",
      description = "Save what the model has read and said, for --load-cache.")
  private Path saveCache;

  @Option(
      names = "--load-cache",
      paramLabel = "F",
      description = "Do not read again what the prompt shares with a saved text.")
  private Path loadCache;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description = "A PEFT adapter's folder; several add up.")
  private List<Path> adapters = List.of();

  @Option(names = "--template", defaultValue = "none", description = "none or eeve-instruct.")
  private String template;

  @Override
  public Integer call() throws IOException {
    PromptTemplate around =
        switch (template) {
          case "none" -> PromptTemplate.NONE;
          case "eeve-instruct" -> PromptTemplate.EEVE_INSTRUCT;
          default ->
              throw new UsageException(
                  "--template: " + template + ", needed none or eeve-instruct");
        };
    int[] given = prompt.tokens == null ? null : ids("--prompt-tokens", prompt.tokens);
    if (given != null && around != PromptTemplate.NONE) {
      throw new UsageException("--template: goes with text, not with --prompt-tokens");
    }
    config(GenerationConfig.greedy(0)); // a wrong value is told before the model is loaded
    String text = prompt.file == null ? prompt.text : TextFiles.read(prompt.file);
    LoadOptions options = promptProducts.on(options(dtype, cacheType)).withWarmUp(true);
    long start = System.nanoTime();
    try (OpenModel opened = open(model, options, adapters)) {
      LanguageModel language = opened.language();
      long loadNanos = System.nanoTime() - start;
      generate(language, given, text == null ? "" : around.apply(text), loadNanos);
    }
    return 0;
  }

  private void generate(LanguageModel language, int[] given, String text, long loadNanos)
      throws IOException {
    String option =
        given != null ? "--prompt-tokens" : prompt.file != null ? "--prompt-file" : "--prompt";
    GenerationConfig config = config(language.generationConfig());
    try {
      int[] ids = given != null ? given : language.encodePrompt(text);
      if (saveCache == null && loadCache == null) {
        try (TokenStream stream = language.stream(ids, config)) {
          print(stream, language.tokenizer().isPresent(), loadNanos);
        }
      } else {
        generateOnKeptContext(language, ids, config, loadNanos);
      }
    } catch (IllegalArgumentException e) {
      throw Messages.under(
          "--max-new-tokens",
          "capacity",
          Messages.under(
              "--stop",
              "stop",
              Messages.under(option, "tokens", Messages.under(option, "prompt", e))));
    }
  }

  private void generateOnKeptContext(
      LanguageModel language, int[] ids, GenerationConfig config, long loadNanos)
      throws IOException {
    try (Session session = language.session(ids, config)) {
      if (loadCache != null) {
        language.load(session, loadCache);
      }
      try (TokenStream stream = language.streamWithPrefix(session, ids, config)) {
        print(stream, language.tokenizer().isPresent(), loadNanos);
      }
      if (saveCache != null) {
        language.save(session, saveCache);
      }
    }
  }

  private void print(TokenStream stream, boolean withText, long loadNanos) {
    if (json) {
      output.json(document(stream.finish(), loadNanos));
      return;
    }
    for (GeneratedToken token : stream) {
      output.text(withText ? token.text() : token.id() + " ");
      output.flush();
    }
    output.line("");
  }

  private GenerationConfig config(GenerationConfig defaults) {
    try {
      return new GenerationConfig(
          or(maxNewTokens, defaults.maxNewTokens()),
          or(temperature, defaults.temperature()),
          or(topK, defaults.topK()),
          or(topP, defaults.topP()),
          or(minP, defaults.minP()),
          or(repetitionPenalty, defaults.repetitionPenalty()),
          or(seed, defaults.seed()),
          stop,
          ignoreEos,
          defaults.hook(),
          promptLookup);
    } catch (IllegalArgumentException e) {
      String[] parts = e.getMessage().split(":", 2); // the setting's name, what is wrong with it
      throw new UsageException("--" + parts[0].replace('_', '-') + ":" + parts[1]);
    }
  }

  private static <T> T or(T given, T otherwise) {
    return given == null ? otherwise : given;
  }

  private static ObjectNode document(Generation generation, long loadNanos) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.set("prompt_tokens", Output.array(generation.promptTokens()));
    root.set("tokens", Output.array(generation.tokens()));
    root.put("text", generation.text());
    root.put("finish_reason", generation.finishReason().toString());
    ObjectNode timings = root.putObject("timings");
    timings.put("load_ms", loadNanos / 1e6);
    timings.put("prompt_tokens_per_s", generation.promptTokensPerSecond());
    timings.put("decode_tokens_per_s", generation.decodeTokensPerSecond());
    return root;
  }
}
