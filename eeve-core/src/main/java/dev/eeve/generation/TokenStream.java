package dev.eeve.generation;

import dev.eeve.model.ModelGate;
import dev.eeve.model.Session;
import dev.eeve.tokenizer.TextDecoder;
import dev.eeve.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Tokens as they are decided. Iterating computes them one by one; closing, or {@link #cancel} from
 * any thread, ends it. Belongs to one thread, {@code cancel} apart.
 */
public final class TokenStream implements Iterable<GeneratedToken>, AutoCloseable {
  private final Session session;
  private final ContextReader reader;
  private final boolean ownsSession;
  private final ModelGate gate;
  private final GenerationConfig config;
  private final List<Integer> eosTokenIds;
  private final Sampler sampler;
  private final StopStrings stops;
  private final Optional<TextDecoder> decoder;
  private final StringBuilder text = new StringBuilder();
  private final int promptEnd;
  private final int held;
  private final int start;
  private int[] tokens;
  private int count;
  private long promptNanos;
  private long decodeNanos;
  private volatile boolean cancelled;
  private FinishReason finishReason;
  private boolean taken;

  /** Whether a context that is not ours holds the last token; it does once the next one came. */
  private boolean lastTokenKept;

  /**
   * Prepares a generation; nothing is computed before the first token is asked for.
   *
   * @param session the context that the prompt continues
   * @param ownsSession whether {@link #close} closes it
   * @param gate the model's
   * @param prompt ids of the prompt, at least one
   * @param prefix whether the prompt starts at the context's first position, so that what both
   *     share is not read again and the rest of the context is forgotten; else it follows the
   *     context
   * @param config the settings
   * @param tokenizer turns ids to text; empty gives no text
   * @param eosTokenIds tokens that end a document
   * @param excluded ids that are never chosen
   */
  public TokenStream(
      Session session,
      boolean ownsSession,
      ModelGate gate,
      int[] prompt,
      boolean prefix,
      GenerationConfig config,
      Optional<Tokenizer> tokenizer,
      List<Integer> eosTokenIds,
      BitSet excluded) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("prompt: no tokens, needed at least one");
    }
    this.start = prefix ? 0 : session.position();
    if (prompt.length > session.capacity() - start) {
      throw new IllegalArgumentException(
          "prompt: %d tokens after %d, the context holds %d; shorten it"
              .formatted(prompt.length, start, session.capacity()));
    }
    session.checkTokens(prompt, 0, prompt.length);
    if (!config.stop().isEmpty() && tokenizer.isEmpty()) {
      throw new IllegalArgumentException(
          "stop: a string, but the model has no tokenizer; add tokenizer.json to its folder");
    }
    this.held = prefix ? session.rewindToCommon(prompt) : 0;
    this.session = session;
    this.ownsSession = ownsSession;
    this.gate = gate;
    this.config = config;
    this.eosTokenIds = List.copyOf(eosTokenIds);
    this.sampler = new Sampler(config, excluded);
    this.stops = new StopStrings(config.stop());
    this.decoder = tokenizer.map(t -> t.decoder(true));
    this.reader =
        new ContextReader(
            session,
            config.promptLookup()
                ? Optional.of(new PromptLookup(session::blockCost))
                : Optional.empty());
    this.promptEnd = start + prompt.length;
    this.tokens = Arrays.copyOf(session.tokens(), promptEnd + 64);
    System.arraycopy(prompt, 0, tokens, start, prompt.length);
    this.count = promptEnd;
  }

  /** Ends the stream before its next token, from any thread. */
  public void cancel() {
    cancelled = true;
  }

  /**
   * Why the stream ended.
   *
   * @return empty while it runs
   */
  public Optional<FinishReason> finishReason() {
    return Optional.ofNullable(finishReason);
  }

  /**
   * Computes all remaining tokens.
   *
   * @return the whole generation
   */
  public Generation finish() {
    while (advance().isPresent()) {}
    return result();
  }

  /**
   * What has been generated so far.
   *
   * @return the generation; {@code cancelled} is its reason while the stream runs
   */
  public Generation result() {
    List<Integer> all = Arrays.stream(tokens, 0, count).boxed().toList();
    return new Generation(
        all.subList(start, promptEnd),
        held,
        all.subList(promptEnd, count),
        text.toString(),
        finishReason().orElse(FinishReason.CANCELLED),
        promptNanos,
        decodeNanos);
  }

  @Override
  public Iterator<GeneratedToken> iterator() {
    if (taken) {
      throw new IllegalStateException("a token stream is iterated once");
    }
    taken = true;
    return new Iterator<>() {
      private Optional<GeneratedToken> next;

      @Override
      public boolean hasNext() {
        if (next == null) {
          next = advance();
        }
        return next.isPresent();
      }

      @Override
      public GeneratedToken next() {
        if (!hasNext()) {
          throw new NoSuchElementException("the generation ended: " + finishReason);
        }
        GeneratedToken token = next.orElseThrow();
        next = null;
        return token;
      }
    };
  }

  /**
   * The tokens as a sequential stream; closing it closes this.
   *
   * @return the stream
   */
  public Stream<GeneratedToken> stream() {
    return StreamSupport.stream(
            Spliterators.spliteratorUnknownSize(
                iterator(), Spliterator.ORDERED | Spliterator.NONNULL),
            false)
        .onClose(this::close);
  }

  /** Drafts that the model read, and how many of them were the token that came. */
  int[] drafts() {
    return new int[] {reader.drafts(), reader.accepted()};
  }

  /** The next token, or nothing once the stream has ended. */
  private Optional<GeneratedToken> advance() {
    if (finishReason == null && !ended()) {
      int id = step();
      if (id >= 0) {
        return Optional.of(decide(id));
      }
    }
    text.append(stops.finish());
    return Optional.empty();
  }

  private GeneratedToken decide(int id) {
    append(id);
    String decided = stops.accept(decoder.map(d -> d.accept(id)).orElse(""));
    if (stops.found()) {
      finishReason = FinishReason.STOP;
    } else if (!config.ignoreEos() && eosTokenIds.contains(id)) {
      finishReason = FinishReason.EOS;
    } else if (full()) {
      finishReason = FinishReason.LENGTH;
    }
    if (finishReason != null) {
      decided += stops.finish();
      keepLastToken();
    }
    text.append(decided);
    return new GeneratedToken(id, decided);
  }

  /** A kept context shall hold all of the text, its last token too, and nothing else. */
  private void keepLastToken() {
    boolean decided = count > promptEnd || finishReason == FinishReason.LENGTH;
    if (!ownsSession && decided && !lastTokenKept && gate.enter()) {
      try {
        reader.hold(tokens, count);
        lastTokenKept = true;
      } finally {
        gate.leave();
      }
    }
  }

  private boolean ended() {
    if (cancelled) {
      finishReason = FinishReason.CANCELLED;
    } else if (full()) {
      finishReason = FinishReason.LENGTH;
    }
    return finishReason != null;
  }

  private boolean full() {
    return count - promptEnd >= config.maxNewTokens() || count >= session.capacity();
  }

  /**
   * Reads what is new and chooses a token; −1 where the model was closed or the caller cancelled.
   */
  private int step() {
    boolean first = count == promptEnd;
    long begin = System.nanoTime();
    float[] logits = null;
    while (logits == null) {
      if (!gate.enter()) {
        finishReason = FinishReason.CLOSED;
        return -1;
      }
      try {
        logits = reader.read(tokens, count, config.maxNewTokens() - (count - promptEnd));
      } finally {
        gate.leave();
      }
      if (logits == null && cancelled) {
        finishReason = FinishReason.CANCELLED;
        return -1;
      }
    }
    int id = sampler.next(tokens, count, logits); // outside the gate: a hook may close the model
    long nanos = System.nanoTime() - begin;
    promptNanos += first ? nanos : 0;
    decodeNanos += first ? 0 : nanos;
    return id;
  }

  private void append(int id) {
    if (count == tokens.length) {
      tokens = Arrays.copyOf(tokens, count * 2);
    }
    tokens[count++] = id;
  }

  /** Ends the stream and frees its context, if it owns it; a kept one then holds every token. */
  @Override
  public void close() {
    cancel();
    if (ownsSession) {
      session.close();
    } else {
      keepLastToken();
    }
  }
}
