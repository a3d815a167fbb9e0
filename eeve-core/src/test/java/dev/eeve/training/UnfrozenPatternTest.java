package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfig;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UnfrozenPatternTest {
  private static final Parameters EEVE = Parameters.of(PhiConfig.eeve2_8b(), ElementType.BF16);
  private static final String EMBEDDING = "model.embed_tokens.weight";

  private static TrainableParameters select(String... patterns) {
    return TrainableParameters.matching(EEVE, List.of(patterns));
  }

  private static String refusal(String... patterns) {
    return assertThrows(IllegalArgumentException.class, () -> select(patterns)).getMessage();
  }

  @Test
  void theModelCardsPatternsSelectNewRowsAndTheWholeHead() {
    TrainableParameters own = select("^model.embed_tokens.weight$[50295:]", "^lm_head.weight$");
    assertEquals(RowSet.range(50_295, 58_944), own.rows(EMBEDDING));
    assertEquals(RowSet.range(0, 58_944), own.rows("lm_head.weight"));
    assertTrue(own.rows("lm_head.bias").isEmpty(), "what no pattern names stays frozen");
    assertEquals(2, own.trained().size());
    assertEquals((8_649L + 58_944) * 2560, own.parameterCount());
  }

  @ParameterizedTest
  @CsvSource({
    "[7], 7, 8",
    "[3:9], 3, 9",
    "[50295:], 50295, 58944",
    "[:12], 0, 12",
    "[:], 0, 58944",
    "[58943], 58943, 58944",
    "[0:58944], 0, 58944"
  })
  void aSuffixSelectsRows(String suffix, int from, int to) {
    assertEquals(RowSet.range(from, to), select("^" + EMBEDDING + "$" + suffix).rows(EMBEDDING));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[5:5]",
        "[9:3]",
        "[-1]",
        "[-3:]",
        "[:-3]",
        "[a:b]",
        "[1:2:3]",
        "[]",
        "[1.5:]",
        "[ 1:2]",
        "[99999999999]",
        "[2147483647]",
        "[60000:]",
        "[58944]",
        "[0:58945]",
        "[:0]"
      })
  void badRangesAreErrorsThatNameTheEntry(String suffix) {
    String entry = EMBEDDING + suffix;
    String message = refusal(entry);
    assertTrue(message.startsWith("unfrozen_parameters: \"" + entry + "\": "), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void aRowPastTheLastIsNamedWithIt() {
    assertEquals(
        "unfrozen_parameters: \"^lm_head.weight$[60000:]\": lm_head.weight: row 60000 is past the"
            + " last row 58943; choose rows up to that",
        refusal("^lm_head.weight$[60000:]"));
  }

  @Test
  void overlappingRangesMerge() {
    assertEquals(
        "[0:3][10:40]",
        select(EMBEDDING + "[10:30]", EMBEDDING + "[20:40]", EMBEDDING + "[:3]")
            .rows(EMBEDDING)
            .toString());
  }

  @Test
  void aMatchWithoutARangeTrainsTheWholeTensorInEitherOrder() {
    RowSet all = RowSet.range(0, 58_944);
    assertEquals(all, select(EMBEDDING + "[50295:]", "model.embed").rows(EMBEDDING));
    assertEquals(all, select("model.embed", EMBEDDING + "[50295:]").rows(EMBEDDING));
  }

  @Test
  void theExpressionIsAnchoredAtTheStartOnly() {
    assertEquals(2, select("lm_head").trained().size());
    assertEquals(2, select("^lm_head").trained().size());
    assertTrue(refusal("head.weight").contains("matches no parameter"));
    assertTrue(refusal("embed_tokens").contains("matches no parameter"));
  }

  @Test
  void aDotIsPlainUnlessAPlusFollows() {
    assertTrue(refusal("model.embed.tokens").contains("matches no parameter"));
    assertTrue(refusal("lm_head.w.ight").contains("matches no parameter"));
    assertEquals(32, select("model.layers.+q_proj.weight$").trained().size());
    assertEquals(14, select("model.layers.7.").trained().size(), "not layer 17");
    assertEquals(2, select("model\\.final_layernorm\\.").trained().size());
  }

  @Test
  void charactersInBracketsArePartOfTheName() {
    assertEquals(10, select("model.layers.[0-9].mlp.fc1.weight$").trained().size());
    assertEquals(20, select("model.layers.[0-9].mlp.fc1.+").trained().size());
    TrainableParameters rows = select("model.layers.[0-9].mlp.fc1.+[3:5]");
    assertEquals(20, rows.trained().size());
    assertEquals(RowSet.range(3, 5), rows.rows("model.layers.9.mlp.fc1.bias"));
    assertEquals(12 + 10, select("model.layers.(1|2)[0-9].mlp.fc1.weight").trained().size() + 2);
  }

  @Test
  void everyEntryMustMatchAndBeAnExpression() {
    assertTrue(
        refusal("^lm_head.weight$", "^lm_haed.weight$").contains("\"^lm_haed.weight$\""),
        "the entry at fault is named");
    assertTrue(refusal("model.layers.(").contains("needed a regular expression"));
    assertTrue(refusal("[3:5]").contains("no name"));
    assertTrue(refusal("").contains("no name"));
  }
}
