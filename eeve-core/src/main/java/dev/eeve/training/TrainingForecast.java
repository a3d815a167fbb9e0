package dev.eeve.training;

import dev.eeve.model.MemoryPlan;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a stage will train, on how much, and the memory it needs: known from the data and the base's
 * headers, before any weight is read.
 *
 * @param stage the report's stage; empty for {@code unfrozen_parameters}
 * @param trainedParameters elements that train
 * @param sequences of the training data
 * @param tokens of the training data
 * @param memory item by item
 */
public record TrainingForecast(
    Optional<EeveStage> stage,
    long trainedParameters,
    int sequences,
    int tokens,
    MemoryPlan memory) {
  /**
   * Looks ahead at all stages of a configuration.
   *
   * @param plans the stages, as {@link TrainingPlan#parse} gives them
   * @param threads that share one computation
   * @return one a stage
   * @throws IOException names the file that is missing or broken
   */
  public static List<TrainingForecast> of(List<TrainingPlan> plans, int threads)
      throws IOException {
    List<TrainingForecast> all = new ArrayList<>();
    StageBase base = StageBase.of(plans.getFirst(), plans.getFirst().baseModel());
    for (TrainingPlan plan : plans) {
      TrainingInputs inputs = TrainingInputs.read(plan, base);
      all.add(
          new TrainingForecast(
              plan.stage(),
              inputs.trainable().parameterCount(),
              inputs.data().size(),
              inputs.data().tokens(),
              inputs.memory(plan, base, threads)));
      base = base.after(plan);
    }
    return all;
  }
}
