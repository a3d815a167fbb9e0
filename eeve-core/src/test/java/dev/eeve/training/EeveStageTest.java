package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.ElementType;
import dev.eeve.model.PhiConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class EeveStageTest {
  private static final Parameters EEVE = Parameters.of(PhiConfig.eeve2_8b(), ElementType.BF16);
  private static final int OLD = 50_295;
  private static final RowSet NEW = RowSet.range(OLD, 58_944);
  private static final RowSet ALL = RowSet.range(0, 58_944);
  private static final long BODY = 2_819_340_864L - 2L * 58_944 * 2560 - 58_944;

  private static void assertTrains(int stage, RowSet embedding, RowSet head, long body) {
    TrainableParameters own = EeveStage.of(stage).select(EEVE, OLD);
    assertEquals(embedding, own.rows("model.embed_tokens.weight"), "stage " + stage);
    assertEquals(head, own.rows("lm_head.weight"), "stage " + stage);
    assertEquals(head, own.rows("lm_head.bias"), "the bias follows the weight");
    long embeddingRows = embedding.isEmpty() ? 0 : embedding.count();
    long headRows = head.isEmpty() ? 0 : head.count();
    assertEquals(
        body + embeddingRows * 2560 + headRows * 2561, own.parameterCount(), "stage " + stage);
  }

  @Test
  void eachStageTrainsWhatTheReportsTableSays() {
    RowSet none = RowSet.none();
    assertTrains(1, NEW, none, 0);
    assertTrains(2, none, NEW, 0);
    assertTrains(3, NEW, NEW, 0);
    assertTrains(4, none, ALL, 0);
    assertTrains(5, NEW, ALL, 0);
    assertTrains(6, ALL, ALL, BODY);
    assertTrains(7, none, none, BODY);
    assertEquals(453, EeveStage.ALL_LAYERS.select(EEVE, OLD).trained().size());
    assertEquals(450, EeveStage.BODY.select(EEVE, OLD).trained().size());
  }

  @Test
  void aStageIsWhatItsPatternsSelect() {
    assertEquals(
        TrainableParameters.matching(
            EEVE, List.of("^model.embed_tokens.weight$[50295:]", "^lm_head")),
        EeveStage.of(5).select(EEVE, OLD));
    assertEquals(
        TrainableParameters.of(EEVE)
            .unfreezeRows("model.embed_tokens.weight", RowSet.from(OLD))
            .unfreeze("lm_head.weight", "lm_head.bias"),
        EeveStage.of(5).select(EEVE, OLD));
  }

  @Test
  void paddingRowsStayFrozenWhereTheNewTokensAreGiven() {
    RowSet tokens = RowSet.range(OLD, 58_900);
    assertEquals(tokens, EeveStage.of(1).select(EEVE, tokens).rows("model.embed_tokens.weight"));
    assertEquals(tokens, EeveStage.of(3).select(EEVE, tokens).rows("lm_head.bias"));
  }

  @Test
  void stagesHaveTheReportsNumbers() {
    for (int number = 1; number <= 7; number++) {
      assertEquals(number, EeveStage.of(number).number());
    }
    assertSame(EeveStage.BODY, EeveStage.of(7));
    assertThrows(IllegalArgumentException.class, () -> EeveStage.of(0));
    assertThrows(IllegalArgumentException.class, () -> EeveStage.of(8));
  }

  @Test
  void aModelWithoutNewRowsIsRefusedByName() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> EeveStage.of(1).select(EEVE, 58_944))
            .getMessage();
    assertTrue(message.startsWith("model.embed_tokens.weight: row 58944"), message);
  }

  @Test
  void parametersHaveNameShapeAndType() {
    assertEquals(453, EEVE.all().size());
    assertEquals(2_819_340_864L, EEVE.parameterCount());
    Parameter fc1 = EEVE.get("model.layers.31.mlp.fc1.weight");
    assertEquals(List.of(10_240, 2560), fc1.shape());
    assertEquals(ElementType.BF16, fc1.type());
    assertTrue(EEVE.get("model.layers.31.mlp.fc1.bias").isVector());
    String message =
        assertThrows(IllegalArgumentException.class, () -> EEVE.get("lm_head")).getMessage();
    assertTrue(message.contains("\"lm_head\""), message);
  }

  @Test
  void aSelectionIsNeverChanged() {
    TrainableParameters nothing = TrainableParameters.of(EEVE);
    TrainableParameters some = nothing.unfreeze("lm_head.weight");
    assertTrue(nothing.isEmpty());
    assertEquals(0, nothing.parameterCount());
    assertTrue(some.rows("lm_head.bias").isEmpty());
    assertThrows(UnsupportedOperationException.class, () -> some.trained().clear());
    assertThrows(IllegalArgumentException.class, () -> some.unfreeze("no.such.weight"));
  }
}
