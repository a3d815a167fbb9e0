package dev.eeve;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.evaluation.LogitsFile;
import dev.eeve.evaluation.Scorer;
import dev.eeve.evaluation.TextScore;
import dev.eeve.generation.GeneratedToken;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.GenerationDefaults;
import dev.eeve.generation.TokenStream;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.ModelGate;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;

/**
 * A model, its tokenizer and its threads: text in, text out.
 *
 * <p>Any number of threads may generate from one model at once; each generation has a context of
 * its own. {@link #close} refuses new work, ends running generations at their next token, waits for
 * them and frees the memory.
 */
public final class LanguageModel implements AutoCloseable {
  private final PhiModel model;
  private final Optional<Tokenizer> tokenizer;
  private final GenerationDefaults defaults;
  private final LoadOptions options;
  private final WorkerPool pool;
  private final BitSet unused;
  private final ModelGate gate;
  private final List<LoraAdapter> adapters;

  /** Whether this shares another's parameters and threads. */
  private final boolean view;

  private LanguageModel(
      PhiModel model,
      Optional<Tokenizer> tokenizer,
      GenerationDefaults defaults,
      LoadOptions options) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.defaults = defaults;
    this.options = options;
    this.pool = new WorkerPool(options.threads());
    this.unused = ModelFiles.unused(model.config(), tokenizer);
    this.gate = new ModelGate();
    this.adapters = List.of();
    this.view = false;
  }

  private LanguageModel(LanguageModel base, List<LoraAdapter> adapters) {
    this.model = base.model;
    this.tokenizer = base.tokenizer;
    this.defaults = base.defaults;
    this.options = base.options;
    this.pool = base.pool;
    this.unused = base.unused;
    this.gate = base.gate;
    this.adapters = adapters;
    this.view = true;
  }

  /**
   * Opens a Hugging Face model folder or a GGUF file with the default options.
   *
   * @param path the folder or file
   * @return the model; the caller closes it
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static LanguageModel open(Path path) throws IOException {
    return open(path, LoadOptions.defaults());
  }

  /**
   * Opens a Hugging Face model folder or a GGUF file. Without a tokenizer the model works with
   * token ids; a generation_config.json in the folder, or beside the file, is honoured.
   *
   * @param path the folder or file
   * @param options types of weights and of keys and values, threads, block sizes
   * @return the model; the caller closes it
   * @throws IOException names the file and the tensor or key that is wrong
   */
  public static LanguageModel open(Path path, LoadOptions options) throws IOException {
    ModelFiles files = ModelFiles.read(path);
    PhiModel model =
        PhiModel.open(
            path, options.dtype(), options.threads(), options.listener(), options.warmUp());
    return new LanguageModel(model, files.tokenizer(), files.defaults(), options);
  }

  /**
   * Reads a model's tokenizer alone.
   *
   * @param path the folder or file
   * @return empty where there is none
   * @throws IOException names the file and the key that is wrong
   */
  public static Optional<Tokenizer> readTokenizer(Path path) throws IOException {
    return ModelFiles.readTokenizer(path);
  }

  /**
   * A language model around parameters that are already in memory.
   *
   * @param model the parameters; closed with this
   * @param tokenizer turns text to ids, if there is one
   * @param options threads and block sizes
   * @return the model; the caller closes it
   */
  public static LanguageModel of(
      PhiModel model, Optional<Tokenizer> tokenizer, LoadOptions options) {
    return new LanguageModel(model, tokenizer, GenerationDefaults.NONE, options);
  }

  /**
   * Reads an adapter for this model.
   *
   * @param folder PEFT's: adapter_config.json and adapter_model.safetensors
   * @return the adapter; the caller closes it after everything that uses it
   * @throws IOException names the file, key or tensor that is missing, unknown or wrong
   */
  public LoraAdapter readAdapter(Path folder) throws IOException {
    return LoraAdapter.read(folder, model.config().dimensions());
  }

  /**
   * This model with adapters beside its weights, which stay as they are: any number of such views
   * may be used side by side, each request choosing its own, and none is the model alone again, bit
   * for bit. It costs nothing to make. Updates of several adapters add up in their order.
   *
   * @param chosen instead of those of this one
   * @return a view that shares parameters and threads; closing it does nothing
   * @throws IllegalArgumentException for one of another model's sizes, or two that replace one
   *     matrix
   */
  public LanguageModel withAdapters(LoraAdapter... chosen) {
    LoraAdapter.requireTogether(model.config().dimensions(), List.of(chosen));
    return new LanguageModel(this, List.of(chosen));
  }

  /**
   * The parameters.
   *
   * @return the model behind this; closed with this
   */
  public PhiModel phi() {
    return model;
  }

  /**
   * The tokenizer.
   *
   * @return empty where the model came without one
   */
  public Optional<Tokenizer> tokenizer() {
    return tokenizer;
  }

  /**
   * The settings generation_config.json asks for.
   *
   * @return greedy, 128 new tokens, where it says nothing else
   */
  public GenerationConfig generationConfig() {
    return defaults.config();
  }

  /**
   * The token a text starts with when nothing stands before it: bos, else eos.
   *
   * @return empty where the model names neither
   */
  public OptionalInt startToken() {
    PhiConfig config = model.config();
    if (defaults.bosTokenId().isPresent()) {
      return defaults.bosTokenId();
    }
    if (config.bosTokenId().isPresent()) {
      return config.bosTokenId();
    }
    return eosTokenIds().isEmpty() ? OptionalInt.empty() : OptionalInt.of(eosTokenIds().get(0));
  }

  /**
   * The tokens that end a text.
   *
   * @return their ids; empty where the model names none
   */
  public List<Integer> eosTokenIds() {
    return defaults.eosTokenIds().isEmpty() ? model.config().eosTokenIds() : defaults.eosTokenIds();
  }

  /**
   * A prompt's ids: the text by the tokenizer and its own bos rule; for empty text the {@link
   * #startToken}.
   *
   * @param prompt the text
   * @return at least one id
   */
  public int[] encodePrompt(String prompt) {
    int[] ids = requireTokenizer("prompt").encode(prompt);
    if (ids.length == 0) {
      return new int[] {
        startToken()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "prompt: empty, and the model has no start token; needed some text"))
      };
    }
    return ids;
  }

  private Tokenizer requireTokenizer(String argument) {
    return tokenizer.orElseThrow(
        () ->
            new IllegalArgumentException(
                argument
                    + ": text, but the model has no tokenizer; add tokenizer.json to its folder or"
                    + " pass token ids"));
  }

  /**
   * Continues a text.
   *
   * @param prompt the text
   * @param config the settings
   * @return the continuation, finished
   */
  public Generation generate(String prompt, GenerationConfig config) {
    return generate(encodePrompt(prompt), config);
  }

  /**
   * Continues token ids.
   *
   * @param prompt at least one id
   * @param config the settings
   * @return the continuation, finished
   */
  public Generation generate(int[] prompt, GenerationConfig config) {
    try (TokenStream stream = stream(prompt, config)) {
      return stream.finish();
    }
  }

  /**
   * Continues a text, telling each token as it is decided.
   *
   * @param prompt the text
   * @param config the settings
   * @param listener called on this thread for each token
   * @return the continuation, finished
   */
  public Generation generate(
      String prompt, GenerationConfig config, Consumer<GeneratedToken> listener) {
    try (TokenStream stream = stream(prompt, config)) {
      stream.forEach(listener);
      return stream.result();
    }
  }

  /**
   * Continues a text token by token, as the caller asks for them.
   *
   * @param prompt the text
   * @param config the settings
   * @return the stream; the caller closes it
   */
  public TokenStream stream(String prompt, GenerationConfig config) {
    return stream(encodePrompt(prompt), config);
  }

  /**
   * Continues token ids one by one, as the caller asks for them.
   *
   * @param prompt at least one id
   * @param config the settings
   * @return the stream; the caller closes it
   */
  public TokenStream stream(int[] prompt, GenerationConfig config) {
    Session session = session(prompt, config);
    try {
      return stream(session, true, prompt, false, config);
    } catch (RuntimeException e) {
      session.close();
      throw e;
    }
  }

  /**
   * Continues a kept context: what it holds, then the prompt, then new tokens. Afterwards the
   * context holds all of them.
   *
   * @param session a context of this model
   * @param prompt at least one id
   * @param config the settings
   * @return the stream; closing it leaves the context open
   */
  public TokenStream stream(Session session, int[] prompt, GenerationConfig config) {
    return stream(session, false, prompt, false, config);
  }

  /**
   * Continues a text whose beginning a kept context may hold: what both share is not read again,
   * the rest of the context is forgotten. Afterwards the context holds prompt and new tokens.
   *
   * @param session a context of this model, such as a {@link #load loaded} one
   * @param prompt at least one id, from the context's first position on
   * @param config the settings
   * @return the stream, as from an empty context; closing it leaves the context open
   */
  public TokenStream streamWithPrefix(Session session, int[] prompt, GenerationConfig config) {
    return stream(session, false, prompt, true, config);
  }

  private TokenStream stream(
      Session session, boolean owned, int[] prompt, boolean prefix, GenerationConfig config) {
    return new TokenStream(
        session, owned, gate, prompt, prefix, config, tokenizer, eosTokenIds(), unused);
  }

  /**
   * Writes what a context holds, so that a later one need not read it again.
   *
   * @param session a context of this model that holds at least one token
   * @param file appears whole, or not at all
   * @throws IOException names the file
   */
  public void save(Session session, Path file) throws IOException {
    session.save(file, TokenizerPrint.of(tokenizer));
  }

  /**
   * Reads what {@link #save} wrote into an empty context; of more than fits, the beginning.
   *
   * @param session a context of this model that holds nothing
   * @param file saved with the same weights as they are kept in memory, adapters, tokenizer and
   *     key/value type
   * @throws IOException names the file and what is wrong with it; the context then holds nothing
   */
  public void load(Session session, Path file) throws IOException {
    session.load(file, TokenizerPrint.of(tokenizer));
  }

  /**
   * A context with room for a prompt and what may be generated after it.
   *
   * @param prompt ids
   * @param config the settings
   * @return the context; the caller closes it
   */
  public Session session(int[] prompt, GenerationConfig config) {
    int context = model.config().maxPositionEmbeddings();
    if (prompt.length > context) {
      throw new IllegalArgumentException(
          "prompt: %d tokens, the context holds %d; shorten it".formatted(prompt.length, context));
    }
    long wanted = Math.max(1, prompt.length + (long) config.maxNewTokens());
    return session((int) Math.min(context, wanted));
  }

  /**
   * A context that can be kept, rewound and continued. Use it only while this model is open.
   *
   * @param capacity tokens it can hold, 1 to the model's max_position_embeddings
   * @return the context; the caller closes it
   */
  public Session session(int capacity) {
    if (!gate.enter()) {
      throw new IllegalStateException("the model is closed");
    }
    try {
      return new Session(model, adapters, pool, options.blocking(), options.cacheType(), capacity);
    } finally {
      gate.leave();
    }
  }

  /**
   * Log-probabilities of tokens, each given those before it.
   *
   * @param tokens the tokens
   * @return natural logarithms; NaN for the first, which follows nothing
   */
  public double[] logProbabilities(int[] tokens) {
    return onScoringSession(tokens.length, session -> Scorer.logProbabilities(session, tokens));
  }

  /**
   * Scores a text after the {@link #startToken}, so that every token of it counts. A text longer
   * than the context goes in windows with half a context of history.
   *
   * @param text any text
   * @return its own tokens with their log-probabilities
   */
  public TextScore score(String text) {
    int[] tokens = encodeAfterStart(text);
    return onScoringSession(tokens.length, session -> Scorer.score(session, tokens, text));
  }

  /**
   * Scores token ids as they are: the first follows nothing.
   *
   * @param tokens the ids
   * @return them with their log-probabilities
   */
  public TextScore score(int[] tokens) {
    return onScoringSession(tokens.length, session -> Scorer.score(session, tokens));
  }

  /**
   * A text's ids behind the {@link #startToken}, as {@link #score(String)} reads them.
   *
   * @param text any text
   * @return at least the start token
   */
  public int[] encodeAfterStart(String text) {
    int start =
        startToken()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "text: the model names neither bos nor eos to start it; pass token ids"));
    return Scorer.withStart(requireTokenizer("text"), start, text);
  }

  /**
   * Writes the logits after each of some tokens: tensor {@code logits}, F32 (T, V).
   *
   * @param tokens at least one, at most the model's max_position_embeddings
   * @param file a safetensors file that appears whole, or not at all
   * @throws IOException names the file
   */
  public void writeLogits(int[] tokens, Path file) throws IOException {
    int context = model.config().maxPositionEmbeddings();
    if (tokens.length == 0 || tokens.length > context) {
      throw new IllegalArgumentException(
          "tokens: %d, needed 1 to %d for logits; shorten the text"
              .formatted(tokens.length, context));
    }
    onScoringSession(
        tokens.length,
        session -> {
          LogitsFile.write(session, tokens, file);
          return file;
        });
  }

  private interface Scoring<T, E extends Exception> {
    T apply(Session session) throws E;
  }

  private <T, E extends Exception> T onScoringSession(int tokens, Scoring<T, E> work) throws E {
    int capacity = Math.clamp(tokens, 1, model.config().maxPositionEmbeddings());
    try (Session session = session(capacity)) {
      if (!gate.enter()) {
        throw new IllegalStateException("the model is closed");
      }
      try {
        return work.apply(session);
      } finally {
        gate.leave();
      }
    }
  }

  /** Ends running generations at their next token, waits for them and frees the memory. */
  @Override
  public void close() {
    if (!view && gate.close()) {
      pool.close();
      model.close();
    }
  }
}
