package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvalCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String[][] CHOICES = {
    {" 아니오", " 예"}, {" yes", " no", " maybe"}, {"b", "cd"}, {" long answer", " x"}
  };

  @TempDir private Path folder;
  private Path model;

  @BeforeEach
  void makeModel() throws IOException {
    model = TestModel.in(folder);
  }

  /** Σ log p of a choice after its context, from eeve score on the whole. */
  private double logLikelihood(String context, String choice) throws IOException {
    JsonNode score = Run.json("score", "--model", model, "--text", context + choice, "--json");
    JsonNode all = score.get("logprobs");
    double sum = 0;
    for (int i = all.size() - bytes(choice); i < all.size(); i++) {
      sum += all.get(i).doubleValue();
    }
    return sum;
  }

  private static int bytes(String text) {
    return text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
  }

  @Test
  void scoresAreThoseOfTheChoicesOneByOne() throws IOException {
    Random random = new Random(4);
    List<String> lines = new ArrayList<>();
    int right = 0;
    int rightByLength = 0;
    for (int i = 0; i < 8; i++) {
      String context = "질문 " + random.nextInt(100);
      String[] choices = CHOICES[i % CHOICES.length];
      int gold = random.nextInt(choices.length);
      int best = 0;
      int bestByLength = 0;
      double[] sums = new double[choices.length];
      for (int c = 0; c < choices.length; c++) {
        sums[c] = logLikelihood(context, choices[c]);
        best = sums[c] > sums[best] ? c : best;
        bestByLength =
            sums[c] / choices[c].length() > sums[bestByLength] / choices[bestByLength].length()
                ? c
                : bestByLength;
      }
      right += best == gold ? 1 : 0;
      rightByLength += bestByLength == gold ? 1 : 0;
      lines.add(
          JSON.createObjectNode()
              .put("context", context)
              .put("gold", gold)
              .<com.fasterxml.jackson.databind.node.ObjectNode>set(
                  "choices", JSON.valueToTree(choices))
              .toString());
    }
    Path tasks = Files.write(folder.resolve("tasks.jsonl"), lines);
    JsonNode result = Run.json("eval", "--model", model, "--tasks", tasks, "--json");
    assertEquals(8, result.get("tasks").intValue());
    assertEquals(right / 8.0, result.get("acc").doubleValue(), 1e-12);
    assertEquals(rightByLength / 8.0, result.get("acc_norm").doubleValue(), 1e-12);
    double f1 = result.get("macro_f1").doubleValue();
    assertTrue(f1 >= 0 && f1 <= 1, "" + f1);
    Run text = Run.of("eval", "--model", model, "--tasks", tasks);
    assertTrue(text.out().startsWith("tasks 8\nacc "), text.out());
  }

  @Test
  void oneLabelThatIsAlwaysGoldGivesF1One() throws IOException {
    String line = "{\"context\":\"a\",\"choices\":[\" %s\",\" %s\"],\"gold\":%d}";
    int best = logLikelihood("a", " x") > logLikelihood("a", " y") ? 0 : 1;
    Path tasks =
        Files.write(
            folder.resolve("tasks.jsonl"),
            List.of(line.formatted("x", "y", best), line.formatted("y", "x", 1 - best)));
    JsonNode result = Run.json("eval", "--model", model, "--tasks", tasks, "--json");
    assertEquals(1.0, result.get("acc").doubleValue());
    assertEquals(1.0, result.get("macro_f1").doubleValue());
  }

  @Test
  void aBrokenTaskIsNamedByItsLine() throws IOException {
    Path tasks = Files.writeString(folder.resolve("t.jsonl"), "{\"context\":\"a\"}\n");
    assertTrue(Run.refusal(1, "eval", "--model", model, "--tasks", tasks).contains("t.jsonl"));
    String gone = Run.refusal(1, "eval", "--model", model, "--tasks", folder.resolve("none"));
    assertTrue(gone.contains("none"), gone);
  }
}
