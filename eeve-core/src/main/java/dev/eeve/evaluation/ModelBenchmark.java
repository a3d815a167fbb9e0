package dev.eeve.evaluation;

import dev.eeve.kernels.Argmax;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.kernels.MachineLimits;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.KeptTypes;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * How fast a model processes a prompt and generates, beside what the machine could do at most:
 * prompts are bound by multiply-adds, single steps by the bytes read from memory.
 */
public final class ModelBenchmark {
  private static final int ROUNDS = 3;
  private static final int WARM_UP_STEPS = 8;

  private ModelBenchmark() {}

  /**
   * What was measured; speeds are the best of three rounds of compiled code.
   *
   * @param shape the model's name, as given
   * @param dtype how the weights are kept
   * @param threads threads of one computation
   * @param parameters elements of all tensors
   * @param decodeBytesPerToken bytes one step must read: every tensor but embed_tokens at the size
   *     its type has in a file, and the cached keys and values (F32) up to the step's position,
   *     averaged over the measured steps
   * @param promptFlopsPerToken 2 × the weights of the layers' linear maps, the causal half of QKᵀ
   *     and PV, and the head, computed once, ÷ the prompt's tokens
   * @param peakRssBytes the process's peak resident memory once model and context are in use,
   *     before the limits take memory of their own; empty where the system does not tell
   * @param loadMs milliseconds it took to load the model, as given
   * @param promptTokens tokens of the prompt
   * @param promptTokensPerS prompt tokens a second, the first logits included
   * @param decodeTokensPerS single steps a second, logits and the greedy choice included
   * @param fmaPeakGflops the multiply-add peak measured in the same run, 10⁹ operations a second
   * @param readGbPerS the memory read rate measured in the same run, 10⁹ bytes a second
   */
  public record Result(
      String shape,
      ElementType dtype,
      int threads,
      long parameters,
      long decodeBytesPerToken,
      long promptFlopsPerToken,
      OptionalLong peakRssBytes,
      double loadMs,
      int promptTokens,
      double promptTokensPerS,
      double decodeTokensPerS,
      double fmaPeakGflops,
      double readGbPerS) {
    /**
     * The prompt's operations a second as a share of the multiply-add peak.
     *
     * @return about 0 to 1
     */
    public double promptShareOfPeak() {
      return promptFlopsPerToken * promptTokensPerS / (fmaPeakGflops * 1e9);
    }

    /**
     * The bytes a second that single steps read as a share of the memory read rate.
     *
     * @return about 0 to 1
     */
    public double decodeShareOfReadRate() {
      return decodeBytesPerToken * decodeTokensPerS / (readGbPerS * 1e9);
    }
  }

  /**
   * Measures a model: warms up, then prompts and greedy steps in turn with the machine's limits.
   *
   * @param shape the model's name, for the result
   * @param model the model
   * @param loadMs milliseconds it took to load, for the result
   * @param pool threads to run on
   * @param blocking block sizes
   * @param promptTokens tokens of the prompt, at least 1
   * @param decodeTokens measured steps after the prompt, at least 1; both together at most the
   *     model's max_position_embeddings
   * @return the figures
   */
  public static Result run(
      String shape,
      PhiModel model,
      double loadMs,
      WorkerPool pool,
      Blocking blocking,
      int promptTokens,
      int decodeTokens) {
    requireOne("promptTokens", promptTokens);
    requireOne("decodeTokens", decodeTokens);
    PhiConfig config = model.config();
    int[] tokens = new int[promptTokens];
    for (int i = 0; i < promptTokens; i++) {
      tokens[i] = (int) (i * 7919L % config.vocabSize()); // any spread of ids will do
    }
    try (Session session =
        new Session(model, pool, blocking, Math.addExact(promptTokens, decodeTokens))) {
      promptSeconds(session, tokens);
      decodeSeconds(session, Math.min(WARM_UP_STEPS, decodeTokens));
      final OptionalLong peak = PeakMemory.bytes();
      MachineLimits limits = MachineLimits.measure(pool);
      double prompt = Double.MAX_VALUE;
      double decode = Double.MAX_VALUE;
      for (int round = 0; round < ROUNDS; round++) {
        prompt = Math.min(prompt, promptSeconds(session, tokens));
        decode = Math.min(decode, decodeSeconds(session, decodeTokens));
        limits = limits.max(MachineLimits.measure(pool));
      }
      return new Result(
          shape,
          model.type(),
          pool.threads(),
          config.parameterCount(),
          decodeBytesPerToken(config, model.types(), promptTokens, decodeTokens),
          promptFlopsPerToken(config, promptTokens),
          peak,
          loadMs,
          promptTokens,
          promptTokens / prompt,
          decodeTokens / decode,
          limits.fmaFlopsPerSecond() / 1e9,
          limits.readBytesPerSecond() / 1e9);
    }
  }

  private static void requireOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + ": " + value + ", needed at least 1");
    }
  }

  private static double promptSeconds(Session session, int[] tokens) {
    session.rewind(0);
    long start = System.nanoTime();
    session.append(tokens, 0, tokens.length);
    session.logits();
    return (System.nanoTime() - start) / 1e9;
  }

  private static double decodeSeconds(Session session, int steps) {
    int[] token = new int[1];
    long start = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      session.append(token, 0, 1);
      float[] logits = session.logits();
      token[0] = Math.max(0, Argmax.of(logits, 0, logits.length));
    }
    return (System.nanoTime() - start) / 1e9;
  }

  /** Bytes that one step reads, averaged over the steps after a prompt. */
  static long decodeBytesPerToken(
      PhiConfig config, KeptTypes types, int promptTokens, int decodeTokens) {
    ElementType main = types.main(config);
    ElementType vectors = main.blocks().isPresent() ? ElementType.F32 : main;
    long weights = 0;
    for (Map.Entry<String, List<Long>> entry : config.dimensions().shapes().entrySet()) {
      List<Long> shape = entry.getValue();
      ElementType type = types.matrices().get(entry.getKey());
      if (shape.size() == 1) {
        weights += vectors.byteSize(shape.get(0));
      } else if (!entry.getKey().equals("model.embed_tokens.weight")) {
        weights += shape.get(0) * type.byteSize(shape.get(1));
      }
    }
    long keyValue =
        KeyValueRows.positionBytes(ElementType.F32, config.numKeyValueHeads(), config.headDim());
    double positions = promptTokens + (decodeTokens + 1) / 2.0; // a step reads its own position too
    return weights + Math.round(config.numHiddenLayers() * keyValue * positions);
  }

  /** Operations of a prompt, per token of it. */
  static long promptFlopsPerToken(PhiConfig config, int promptTokens) {
    long hidden = config.hiddenSize();
    long keyValue = (long) config.numKeyValueHeads() * config.headDim();
    long layer = 2 * hidden * (hidden + keyValue + config.intermediateSize());
    double keys = (promptTokens + 1) / 2.0;
    double attention = 2 * 2 * hidden * keys;
    double head = 2.0 * config.vocabSize() * hidden / promptTokens;
    return Math.round(config.numHiddenLayers() * (2 * layer + attention) + head);
  }
}
