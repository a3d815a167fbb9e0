package dev.eeve.evaluation;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;

/**
 * Multiple-choice tasks as lm-evaluation-harness scores them: the choice whose tokens have the
 * highest summed log-probability after the context is taken.
 */
public final class MultipleChoice {
  private MultipleChoice() {}

  /**
   * One question.
   *
   * @param context what stands before each choice
   * @param choices at least two
   * @param gold index of the right one
   */
  public record Task(String context, List<String> choices, int gold) {
    /** Checks the sizes. */
    public Task {
      choices = List.copyOf(choices);
      if (choices.size() < 2 || gold < 0 || gold >= choices.size()) {
        throw new IllegalArgumentException(
            "gold: " + gold + " of " + choices.size() + " choices, needed one of at least two");
      }
    }
  }

  /**
   * Scores over all tasks.
   *
   * @param tasks how many
   * @param acc share of tasks whose likeliest choice is the right one
   * @param accNorm the same with log-likelihoods divided by the choice's length in characters
   * @param macroF1 mean over choice indices of the F1 of taking that index, by the plain likelihood
   */
  public record Result(int tasks, double acc, double accNorm, double macroF1) {}

  /**
   * Reads tasks.
   *
   * @param file a JSON object a line: "context", "choices", "gold"
   * @return all of them, at least one
   * @throws IOException names the file and the line
   */
  public static List<Task> read(Path file) throws IOException {
    List<Task> tasks = new ArrayList<>();
    DocumentLines.forEachLine(
        file,
        (line, place) -> {
          JsonNode root = StrictJson.parse(place, line.getBytes(StandardCharsets.UTF_8));
          JsonNode choices = root.path("choices");
          boolean good =
              root.path("context").isTextual()
                  && choices.isArray()
                  && choices.valueStream().allMatch(JsonNode::isTextual)
                  && root.path("gold").isInt();
          if (!good) {
            throw new IOException(
                place + ": needed {\"context\": \"…\", \"choices\": [\"…\", \"…\"], \"gold\": 0}");
          }
          try {
            tasks.add(
                new Task(
                    root.get("context").textValue(),
                    choices.valueStream().map(JsonNode::textValue).toList(),
                    root.get("gold").intValue()));
          } catch (IllegalArgumentException e) {
            throw new IOException(place + ": " + e.getMessage(), e);
          }
        });
    if (tasks.isEmpty()) {
      throw new IOException(file + ": empty, needed a task a line");
    }
    return tasks;
  }

  /**
   * Scores tasks.
   *
   * @param tasks at least one
   * @param tokenizer of the model
   * @param startToken stands before a choice whose context is empty
   * @param maxTokens of context and choice; the context is cut at its start to fit
   * @param logProbabilities of tokens, each given those before it
   * @return the scores
   */
  public static Result evaluate(
      List<Task> tasks,
      Tokenizer tokenizer,
      OptionalInt startToken,
      int maxTokens,
      Function<int[], double[]> logProbabilities) {
    int right = 0;
    int rightNorm = 0;
    int[] golds = new int[tasks.size()];
    int[] taken = new int[tasks.size()];
    for (int i = 0; i < golds.length; i++) {
      Task task = tasks.get(i);
      double[] scores = new double[task.choices().size()];
      double[] norms = new double[scores.length];
      for (int c = 0; c < scores.length; c++) {
        String choice = task.choices().get(c);
        Scored split = split(tokenizer, startToken, task.context(), choice, maxTokens);
        double[] all = logProbabilities.apply(split.ids());
        scores[c] = Arrays.stream(all, split.from(), all.length).sum();
        norms[c] = scores[c] / Math.max(1, choice.codePointCount(0, choice.length()));
      }
      golds[i] = task.gold();
      taken[i] = best(scores);
      right += taken[i] == golds[i] ? 1 : 0;
      rightNorm += best(norms) == golds[i] ? 1 : 0;
    }
    double n = golds.length;
    return new Result(golds.length, right / n, rightNorm / n, macroF1(golds, taken));
  }

  /** Tokens to run, and the first that is scored. */
  private record Scored(int[] ids, int from) {}

  /**
   * The harness's split: white space at the context's end goes to the choice; both are tokenized
   * together, and the choice's tokens are those after as many as the context alone has.
   */
  private static Scored split(
      Tokenizer tokenizer, OptionalInt startToken, String context, String choice, int maxTokens) {
    String before = context.stripTrailing();
    String after = context.substring(before.length()) + choice;
    int[] ids;
    int from;
    if (before.isEmpty()) {
      int[] own = tokenizer.encode(after, false);
      int start =
          startToken.orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "context: empty, and the model has no start token; needed some text"));
      ids = new int[own.length + 1];
      ids[0] = start;
      System.arraycopy(own, 0, ids, 1, own.length);
      from = 1;
    } else {
      ids = tokenizer.encode(before + after);
      from = tokenizer.encode(before).length;
    }
    if (from >= ids.length) {
      throw new IllegalArgumentException(
          "choice: \"" + choice + "\" has no token of its own, needed some text");
    }
    int cut = Math.max(0, ids.length - maxTokens);
    if (cut >= from) {
      throw new IllegalArgumentException(
          "choice: %d tokens, the context holds %d; shorten it"
              .formatted(ids.length - from, maxTokens));
    }
    return new Scored(Arrays.copyOfRange(ids, cut, ids.length), from - cut);
  }

  private static int best(double[] scores) {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }

  /** As sklearn's f1_score(average="macro"), over the indices that occur. */
  static double macroF1(int[] golds, int[] taken) {
    int classes =
        Math.max(Arrays.stream(golds).max().orElse(0), Arrays.stream(taken).max().orElse(0));
    double sum = 0;
    int present = 0;
    for (int c = 0; c <= classes; c++) {
      int hits = 0;
      int either = 0;
      for (int i = 0; i < golds.length; i++) {
        hits += golds[i] == c && taken[i] == c ? 1 : 0;
        either += (golds[i] == c ? 1 : 0) + (taken[i] == c ? 1 : 0);
      }
      if (either > 0) {
        present++;
        sum += 2.0 * hits / either;
      }
    }
    return sum / present;
  }
}
