package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.ElementType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrainingPlanTest {
  private static Map<String, Object> settings(Object... more) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("base_model", "base");
    all.put("output_dir", "out");
    all.put("datasets", List.of(Map.of("path", "a.txt", "type", "text", "weight", 0.5)));
    all.put("learning_rate", "2e-4");
    all.put("number_of_old_tokens", 50_295);
    all.put("stage", 3);
    for (int i = 0; i < more.length; i += 2) {
      all.put((String) more[i], more[i + 1]);
    }
    return all;
  }

  private static String refusal(Object... more) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> TrainingPlan.parse(settings(more)))
            .getMessage();
    assertEquals(1, message.lines().count());
    return message;
  }

  @Test
  void everyKeyReachesItsSetting() {
    TrainingPlan plan =
        TrainingPlan.parse(
                settings(
                    "sequence_len",
                    512,
                    "sample_packing",
                    true,
                    "micro_batch_size",
                    4,
                    "gradient_accumulation_steps",
                    8,
                    "max_steps",
                    400,
                    "lr_scheduler",
                    "linear",
                    "warmup_steps",
                    5,
                    "cosine_min_lr_ratio",
                    0.1,
                    "optimizer",
                    "adamw",
                    "adam_beta1",
                    0.8,
                    "adam_beta2",
                    0.99,
                    "adam_epsilon",
                    1e-6,
                    "weight_decay",
                    0.1,
                    "no_decay",
                    List.of(".+bias"),
                    "max_grad_norm",
                    0,
                    "shuffle",
                    false,
                    "new_token_bias",
                    2,
                    "early_stop",
                    Map.of("window", 20, "tolerance", 0.01),
                    "resid_dropout",
                    0.1,
                    "gradient_checkpointing",
                    true,
                    "seed",
                    7,
                    "logging_steps",
                    2,
                    "eval_steps",
                    3,
                    "save_steps",
                    4,
                    "save_dtype",
                    "float32",
                    "save_rounding",
                    "stochastic",
                    "val_set",
                    "val.txt"))
            .getFirst();
    TrainingConfig config = plan.config();
    OptimizerConfig optimizer = config.optimizer();
    assertEquals(
        new OptimizerConfig(
            2e-4,
            LearningRateSchedule.Kind.LINEAR,
            5,
            0.1,
            0.8,
            0.99,
            1e-6,
            0.1,
            List.of(".+bias"),
            0,
            OptimizerMemory.EXACT),
        optimizer);
    assertEquals(512, config.sequenceLen());
    assertTrue(config.samplePacking() && config.gradientCheckpointing() && !config.shuffle());
    assertEquals(
        List.of(4, 8, 400),
        List.of(config.microBatchSize(), config.gradientAccumulationSteps(), config.maxSteps()));
    assertEquals(2, config.newTokenBias());
    assertEquals(new EarlyStop(20, 0.01), config.earlyStop());
    assertEquals(0.1, config.residDropout().getAsDouble());
    assertEquals(7, config.seed());
    assertEquals(
        List.of(2, 3, 4), List.of(plan.loggingSteps(), plan.evalSteps(), plan.saveSteps()));
    assertEquals(Optional.of(ElementType.F32), plan.saveDtype());
    assertEquals(Rounding.STOCHASTIC, plan.saveRounding());
    assertEquals(DataSource.Type.TEXT, plan.valSet().get().type());
    assertEquals(0.5, plan.datasets().getFirst().weight());
    assertEquals(Optional.of(EeveStage.NEW_EMBEDDINGS), plan.stage());
  }

  @Test
  void unknownMissingAndWrongKeysAreNamed() {
    assertTrue(refusal("learning_rte", 1).startsWith("learning_rte: unknown key"));
    assertTrue(refusal("learning_rate", null).startsWith("learning_rate: missing"));
    assertTrue(refusal("learning_rate", "fast").startsWith("learning_rate: \"fast\" found"));
    assertTrue(refusal("micro_batch_size", 1.5).startsWith("micro_batch_size: 1.5 found"));
    assertTrue(refusal("sample_packing", "maybe").startsWith("sample_packing: maybe found"));
    assertTrue(refusal("stage", 9).startsWith("stage: 9"));
    assertTrue(refusal("unfrozen_parameters", List.of("lm_head")).startsWith("stage: needed it"));
    assertTrue(refusal("number_of_old_tokens", null).startsWith("number_of_old_tokens: missing"));
    assertTrue(refusal("early_stop", Map.of("windw", 2)).startsWith("early_stop: windw: unknown"));
    assertTrue(refusal("datasets", List.of()).startsWith("datasets: missing"));
    assertTrue(refusal("adapter", "lora").startsWith("adapter: stage 3 trains rows"));
    assertTrue(refusal("optimizer", "sgd").startsWith("optimizer: sgd found"));
    assertTrue(refusal("model_config", "c.json").startsWith("base_model: needed it or"));
    assertTrue(refusal("max_steps", 3, "num_epochs", 2).startsWith("num_epochs: given with"));
    assertTrue(refusal("save_steps", -1).startsWith("save_steps: -1 found, needed at least 0"));
    assertTrue(refusal("logging_steps", 0).startsWith("logging_steps: 0 found"));
    assertTrue(
        refusal("early_stop", Map.of("tolerance", 0.1)).startsWith("early_stop: window: missing"));
  }

  @Test
  void keysThatOnlySteerAGpuWarn() {
    List<String> warnings =
        TrainingPlan.parse(settings("bf16", "auto", "flash_attention", true)).getFirst().warnings();
    assertEquals(2, warnings.size());
    assertTrue(warnings.getFirst().startsWith("bf16: "));
  }

  @Test
  void eachStageHasItsOwnOverrides() {
    Map<String, Object> all = settings("stage", null);
    all.put("stages", List.of(1, Map.of("stage", 5, "learning_rate", 1e-5, "max_steps", 9)));
    List<TrainingPlan> plans = TrainingPlan.parse(all);
    assertEquals(2, plans.size());
    assertEquals(2e-4, plans.get(0).config().optimizer().learningRate());
    assertEquals(1e-5, plans.get(1).config().optimizer().learningRate());
    assertEquals(9, plans.get(1).config().maxSteps());
    assertEquals(5, plans.get(1).stage().get().number());
    assertTrue(refusal("stages", List.of(1)).startsWith("stage: given with stages"));
    assertTrue(refusal("stage", null, "stages", List.of(1, 1)).contains("twice"));
    assertTrue(
        refusal("stage", null, "stages", List.of(Map.of("stage", 1, "output_dir", "x")))
            .startsWith("stages: "));
  }

  @Test
  void theOtherReadingOfTheLossIsStageOnes() {
    Map<String, Object> all =
        settings("stage", null, "new_token_loss", "first_old_token", "stages", List.of(1, 2));
    List<TrainingPlan> plans = TrainingPlan.parse(all);
    assertTrue(plans.get(0).firstOldToken());
    assertFalse(plans.get(1).firstOldToken(), "its head's new rows would learn nothing");
    assertTrue(
        refusal("new_token_loss", "first_old_token")
            .startsWith("new_token_loss: first_old_token is a reading of stage 1's loss, stage 3"));
    all.put("stages", List.of(2, 3));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> TrainingPlan.parse(all))
            .getMessage()
            .startsWith("new_token_loss: given beside stages without a 1"));
  }
}
