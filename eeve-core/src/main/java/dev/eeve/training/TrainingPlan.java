package dev.eeve.training;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.kernels.ElementType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * One stage of training from files to files: a configuration file's keys, named as axolotl names
 * them.
 *
 * @param baseModel the model folder to start from, {@code base_model}, or for an adapter alone a
 *     GGUF file; empty for random weights
 * @param modelConfig a config.json whose shape gets random weights, {@code model_config}
 * @param tokenizer a tokenizer.json for them, {@code tokenizer}
 * @param outputDir where the result goes, {@code output_dir}
 * @param datasets what to train on, {@code datasets}
 * @param valSet what to measure on, {@code val_set}
 * @param numberOfOldTokens where new tokens' rows begin, {@code number_of_old_tokens}
 * @param unfrozenParameters what trains, {@code unfrozen_parameters}; empty where a stage says it
 * @param stage what trains, {@code stage}
 * @param adapter the adapter that trains instead of the stage's own rows, {@code adapter}; stage 6
 *     has one unless that is none
 * @param quantized how the body's matrices are kept beside an adapter, {@code lora_base_dtype};
 *     empty for the base's own type; a base in blocks keeps them unless the key is given
 * @param firstOldToken whether a new token's label counts as its first old token, {@code
 *     new_token_loss: first_old_token}; else {@code new_ids}
 * @param loggingSteps updates between lines of metrics, {@code logging_steps}
 * @param evalSteps updates between measurements on {@code val_set}, {@code eval_steps}; 0 for one
 *     at the end
 * @param saveSteps updates between checkpoints, {@code save_steps}; 0 for none
 * @param saveDtype the type to save, {@code save_dtype}; empty for the base's
 * @param saveRounding of trained rows, {@code save_rounding}
 * @param config how the trainer runs
 * @param warnings what was passed over
 * @param settings the keys as they were given, for checkpoints to compare
 */
public record TrainingPlan(
    Optional<Path> baseModel,
    Optional<Path> modelConfig,
    Optional<Path> tokenizer,
    Path outputDir,
    List<DataSource> datasets,
    Optional<DataSource> valSet,
    OptionalInt numberOfOldTokens,
    List<String> unfrozenParameters,
    Optional<EeveStage> stage,
    Optional<LoraConfig> adapter,
    Optional<ElementType> quantized,
    boolean firstOldToken,
    int loggingSteps,
    int evalSteps,
    int saveSteps,
    Optional<ElementType> saveDtype,
    Rounding saveRounding,
    TrainingConfig config,
    List<String> warnings,
    Map<String, String> settings) {
  /** Keys whose value is where something lies. */
  static final Set<String> PLACES = Set.of("datasets", "base_model");

  /** Stage 1's, with two readings. */
  private static final String NEW_TOKEN_LOSS = "new_token_loss";

  /** Keeps its own copies. */
  public TrainingPlan {
    datasets = List.copyOf(datasets);
    unfrozenParameters = List.copyOf(unfrozenParameters);
    warnings = List.copyOf(warnings);
    settings = Map.copyOf(settings);
  }

  /**
   * Reads the keys of a configuration.
   *
   * @param settings as a YAML or JSON reader gives them
   * @return the stages to run, one after the other: those of {@code stages}, each with its own
   *     overrides, or a single one
   * @throws IllegalArgumentException names the key that is unknown, missing or wrong
   */
  public static List<TrainingPlan> parse(Map<String, Object> settings) {
    if (settings.get("stages") == null) {
      return List.of(parseOne(settings));
    }
    for (String other : List.of("stage", "unfrozen_parameters")) {
      if (settings.get(other) != null) {
        throw new IllegalArgumentException(
            other + ": given with stages, needed one of them; remove " + other);
      }
    }
    Map<String, Object> common = new LinkedHashMap<>(settings);
    List<Object> stages = new Settings("", settings).list("stages");
    common.remove("stages");
    if (AdapterKeys.anyIn(common) && stages.stream().noneMatch(one -> isStage(one, 6))) {
      throw new IllegalArgumentException(
          "adapter: given beside stages without a 6, which it is for; remove it");
    }
    if (common.get(NEW_TOKEN_LOSS) != null && stages.stream().noneMatch(one -> isStage(one, 1))) {
      throw new IllegalArgumentException(
          NEW_TOKEN_LOSS + ": given beside stages without a 1, which it is for; remove it");
    }
    Map<String, TrainingPlan> plans = new LinkedHashMap<>();
    for (Object entry : stages) {
      Map<String, Object> own = new LinkedHashMap<>(common);
      if (!isStage(entry, 6)) {
        AdapterKeys.removeFrom(own);
      }
      if (!isStage(entry, 1)) {
        own.remove(NEW_TOKEN_LOSS);
      }
      if (entry instanceof Map) {
        own.putAll(Settings.map("stages", entry));
      } else {
        own.put("stage", entry);
      }
      if (own.get("stage") == null || own.containsKey("stages") || !same(own, common)) {
        throw Settings.failure("stages", entry, "a stage with settings of its own, not paths");
      }
      if (plans.put(String.valueOf(own.get("stage")), parseOne(own)) != null) {
        throw Settings.failure("stages", "stage " + own.get("stage") + " twice", "each once");
      }
    }
    if (plans.isEmpty()) {
      throw Settings.failure("stages", "none", "at least one, such as [1, 2]");
    }
    return List.copyOf(plans.values());
  }

  private static boolean isStage(Object entry, int number) {
    Object stage = entry instanceof Map<?, ?> map ? map.get("stage") : entry;
    return String.valueOf(stage).equals(Integer.toString(number));
  }

  private static boolean same(Map<String, Object> own, Map<String, Object> common) {
    return List.of("base_model", "model_config", "tokenizer", "output_dir").stream()
        .allMatch(key -> java.util.Objects.equals(own.get(key), common.get(key)));
  }

  private static TrainingPlan parseOne(Map<String, Object> values) {
    Settings s = new Settings("", values);
    if (s.has("base_model") == s.has("model_config")) {
      throw new IllegalArgumentException(
          "base_model: needed it or model_config, one of them; name a model folder");
    }
    Optional<EeveStage> stage =
        s.has("stage") ? Optional.of(EeveStage.of(s.count("stage", 0))) : Optional.empty();
    s.value("stage");
    boolean patterns = s.has("unfrozen_parameters");
    if (stage.isPresent() && patterns
        || stage.isEmpty() && !patterns && s.text("adapter").isEmpty()) {
      throw new IllegalArgumentException(
          "stage: needed it, stages, unfrozen_parameters or adapter, one of them; say what to"
              + " train");
    }
    Optional<LoraConfig> adapter = AdapterKeys.read(s, stage);
    if (stage.isEmpty() && !patterns && adapter.isEmpty()) {
      throw missing("stage", "it or unfrozen_parameters where adapter is none");
    }
    TrainingPlan plan =
        new TrainingPlan(
            s.path("base_model"),
            s.path("model_config"),
            s.path("tokenizer"),
            s.path("output_dir").orElseThrow(() -> missing("output_dir", "a folder's name")),
            datasets(s),
            s.value("val_set").map(TrainingPlan::valSet),
            oldTokens(s, stage),
            s.texts("unfrozen_parameters"),
            stage,
            adapter,
            AdapterKeys.quantized(s, adapter),
            choice(s, NEW_TOKEN_LOSS, "new_ids", List.of("new_ids", "first_old_token")) == 1,
            s.count("logging_steps", 1, 1),
            s.count("eval_steps", 0, 0),
            s.count("save_steps", 0, 0),
            saveDtype(s),
            Rounding.values()[
                choice(s, "save_rounding", "nearest", List.of("nearest", "stochastic"))],
            config(s),
            List.of(),
            Map.of());
    return plan.with(s.finish(), shown(values));
  }

  /** Whether the blocks of the frozen base were asked for by name. */
  boolean namesBaseDtype() {
    return settings.containsKey(AdapterKeys.BASE_DTYPE);
  }

  private TrainingPlan with(List<String> newWarnings, Map<String, String> newSettings) {
    if (firstOldToken && numberOfOldTokens.isEmpty()) {
      throw missing("number_of_old_tokens", "it for new_token_loss");
    }
    if (firstOldToken && stage.filter(one -> one != EeveStage.NEW_INPUT_EMBEDDINGS).isPresent()) {
      throw new IllegalArgumentException(
          "new_token_loss: first_old_token is a reading of stage 1's loss, stage %d has another;"
                  .formatted(stage.get().number())
              + " remove it");
    }
    if (adapter.isPresent() && saveRounding != Rounding.NEAREST) {
      throw new IllegalArgumentException(
          "save_rounding: stochastic found with adapter, which is merged to nearest; remove it");
    }
    if (config.newTokenBias() > 0 && numberOfOldTokens.isEmpty()) {
      throw missing("number_of_old_tokens", "it for new_token_bias");
    }
    return new TrainingPlan(
        baseModel,
        modelConfig,
        tokenizer,
        outputDir,
        datasets,
        valSet,
        numberOfOldTokens,
        unfrozenParameters,
        stage,
        adapter,
        quantized,
        firstOldToken,
        loggingSteps,
        evalSteps,
        saveSteps,
        saveDtype,
        saveRounding,
        config,
        newWarnings,
        newSettings);
  }

  private static OptionalInt oldTokens(Settings s, Optional<EeveStage> stage) {
    int count = s.count("number_of_old_tokens", -1);
    boolean needed = stage.isPresent() && stage.get().trainsNewRows();
    if (count < 0 && (needed || s.has("number_of_old_tokens"))) {
      throw missing("number_of_old_tokens", "the row where new tokens begin, such as 50295");
    }
    return count < 0 ? OptionalInt.empty() : OptionalInt.of(count);
  }

  private static IllegalArgumentException missing(String key, String needed) {
    return new IllegalArgumentException(key + ": missing, needed " + needed);
  }

  private static List<DataSource> datasets(Settings s) {
    List<DataSource> sources = new ArrayList<>();
    for (Object entry : s.list("datasets")) {
      Settings own = new Settings("datasets: ", Settings.map("datasets", entry));
      Path path = own.path("path").orElseThrow(() -> missing("datasets: path", "a file"));
      sources.add(new DataSource(path, type(own, path), own.number("weight").orElse(1)));
      own.finish();
    }
    if (sources.isEmpty()) {
      throw missing("datasets", "at least one, as [{path: corpus.txt, type: text}]");
    }
    return sources;
  }

  private static DataSource valSet(Object value) {
    if (!(value instanceof Map)) {
      Path path = Path.of(value.toString());
      return new DataSource(path, type(new Settings("", Map.of()), path), 1);
    }
    Settings own = new Settings("val_set: ", Settings.map("val_set", value));
    Path path = own.path("path").orElseThrow(() -> missing("val_set: path", "a file"));
    DataSource source = new DataSource(path, type(own, path), 1);
    own.finish();
    return source;
  }

  /** As written; else by what the file's first line holds. */
  private static DataSource.Type type(Settings s, Path path) {
    if (!s.has("type")) {
      return DataSource.guess(path);
    }
    return DataSource.Type.values()[choice(s, "type", "text", List.of("text", "tokens"))];
  }

  private static int choice(Settings s, String key, String otherwise, List<String> choices) {
    String found = s.text(key).orElse(otherwise).toLowerCase(Locale.ROOT);
    if (!choices.contains(found)) {
      throw Settings.failure(key, found, String.join(" or ", choices));
    }
    return choices.indexOf(found);
  }

  private static Optional<ElementType> saveDtype(Settings s) {
    return s.text("save_dtype")
        .map(
            name ->
                switch (name.toLowerCase(Locale.ROOT)) {
                  case "f32", "fp32", "float32" -> ElementType.F32;
                  case "f16", "fp16", "float16" -> ElementType.F16;
                  case "bf16", "bfloat16" -> ElementType.BF16;
                  default ->
                      throw Settings.failure("save_dtype", name, "float32, float16 or bfloat16");
                });
  }

  private static TrainingConfig config(Settings s) {
    OptimizerConfig optimizer =
        new OptimizerConfig(
            s.number("learning_rate")
                .orElseThrow(() -> missing("learning_rate", "a number such as 2e-4")),
            LearningRateSchedule.Kind.values()[
                choice(s, "lr_scheduler", "cosine", List.of("cosine", "linear", "constant"))],
            s.count("warmup_steps", 10),
            s.number("cosine_min_lr_ratio").orElse(0),
            s.number("adam_beta1").orElse(0.9),
            s.number("adam_beta2").orElse(0.95),
            s.number("adam_epsilon").orElse(1e-5),
            s.number("weight_decay").orElse(0),
            s.texts("no_decay"),
            s.number("max_grad_norm").orElse(1),
            memory(s));
    if (s.has("max_steps") && s.has("num_epochs")) {
      throw new IllegalArgumentException(
          "num_epochs: given with max_steps, needed one of them; remove one");
    }
    return new TrainingConfig(
        s.count("sequence_len", 2048),
        s.flag("sample_packing", false),
        s.count("micro_batch_size", 1),
        s.count("gradient_accumulation_steps", 1),
        s.count("max_steps", 0),
        s.count("num_epochs", 1),
        optimizer,
        s.flag("shuffle", true),
        s.number("new_token_bias").orElse(0),
        s.number("resid_dropout"),
        s.flag("gradient_checkpointing", false),
        s.whole("seed", 42),
        s.value("early_stop").map(TrainingPlan::earlyStop).orElse(EarlyStop.OFF));
  }

  private static OptimizerMemory memory(Settings s) {
    List<String> optimizers = List.of("adamw", "adamw_torch", "adamw_8bit", "adamw_bnb_8bit");
    boolean inBwd = s.flag("optimizer_in_bwd", false);
    if (!inBwd && s.has("grad_norm_from")) {
      throw new IllegalArgumentException(
          "grad_norm_from: given without optimizer_in_bwd, which needs it; remove it");
    }
    return new OptimizerMemory(
        choice(s, "optimizer", "adamw", optimizers) >= 2,
        s.flag("bf16_stochastic_round", false),
        inBwd,
        OptimizerMemory.GradNormFrom.values()[
            choice(s, "grad_norm_from", "previous_step", List.of("previous_step", "second_pass"))]);
  }

  private static EarlyStop earlyStop(Object value) {
    Settings own = new Settings("early_stop: ", Settings.map("early_stop", value));
    EarlyStop stop = new EarlyStop(own.count("window", 0), own.number("tolerance").orElse(0));
    own.finish();
    if (!own.has("window")) {
      throw missing("early_stop: window", "the updates that are compared, 0 for never");
    }
    return stop;
  }

  /** What a resumed run must share with the interrupted one. */
  private static Map<String, String> shown(Map<String, Object> values) {
    Map<String, String> shown = new LinkedHashMap<>();
    for (Map.Entry<String, Object> entry : values.entrySet()) {
      boolean free =
          List.of(
                  "output_dir",
                  "logging_steps",
                  "eval_steps",
                  "save_steps",
                  "val_set",
                  "save_dtype",
                  "save_rounding")
              .contains(entry.getKey());
      if (!free && entry.getValue() != null) {
        shown.put(entry.getKey(), entry.getValue().toString());
      }
    }
    return shown;
  }
}
