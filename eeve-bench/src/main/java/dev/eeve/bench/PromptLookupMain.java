package dev.eeve.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LanguageModel;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.generation.LogitsHook;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Prompt-lookup decoding beside plain steps, in turn, on a model of EEVE's width with random
 * weights. Such a model says nothing, so a hook makes it say texts that copy their prompt, copy it
 * with every eighth token changed, or copy nothing; last comes what it says by itself. Prints one
 * JSON line each; the tokens are compared.
 */
public final class PromptLookupMain {
  private static final int PROMPT = 128;
  private static final int ROUNDS = 3;

  private PromptLookupMain() {}

  /**
   * Runs all texts.
   *
   * @param args layers; type of the weights; new tokens; threads
   */
  public static void main(String[] args) {
    if (args.length != 4) {
      System.err.println("arguments: " + args.length + ", needed LAYERS TYPE TOKENS THREADS");
      System.exit(2);
    }
    int count = Integer.parseInt(args[2]);
    int threads = Integer.parseInt(args[3]);
    try (LanguageModel model = FewLayers.open(args[0], args[1], threads)) {
      int[] prompt = new SplittableRandom(2).ints(PROMPT, 1000, 50_000).toArray();
      int[] copy = new int[count];
      Arrays.setAll(copy, i -> prompt[i % PROMPT]);
      int[] changed = copy.clone();
      int[] own = new SplittableRandom(3).ints(count, 1000, 50_000).toArray();
      int[] few = new SplittableRandom(3).ints(count, 1000, 1030).toArray();
      for (int i = 7; i < count; i += 8) {
        changed[i] = own[i];
      }
      GenerationConfig greedy = GenerationConfig.greedy(count).withIgnoreEos(true);
      compare("copy", model, prompt, greedy.withHook(saying(copy)));
      compare("copy, every 8th changed", model, prompt, greedy.withHook(saying(changed)));
      compare("no copy", model, prompt, greedy.withHook(saying(own)));
      compare("no copy, 30 words", model, prompt, greedy.withHook(saying(few)));
      compare("by itself", model, prompt, greedy);
    }
  }

  private static LogitsHook saying(int[] text) {
    return (tokens, count, logits) -> logits[text[count - PROMPT]] = 1e9f;
  }

  private static void compare(
      String name, LanguageModel model, int[] prompt, GenerationConfig config) {
    double plain = 0;
    double lookup = 0;
    for (int i = 0; i < ROUNDS; i++) {
      Generation expected = model.generate(prompt, config);
      Generation found = model.generate(prompt, config.withPromptLookup(true));
      if (!expected.tokens().equals(found.tokens())) {
        throw new IllegalStateException(name + ": the tokens differ");
      }
      plain = Math.max(plain, expected.decodeTokensPerSecond());
      lookup = Math.max(lookup, found.decodeTokensPerSecond());
    }
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("text", name).put("plain_tokens_per_s", plain).put("lookup_tokens_per_s", lookup);
    System.out.println(json.put("ratio", lookup / plain));
  }
}
