package dev.eeve.bench;

import dev.eeve.model.PhiConfig;
import dev.eeve.training.Parameter;
import dev.eeve.training.TrainableParameters;

/**
 * Operations that one update of one document needs at least, two for each multiply-add of a matrix
 * product: forward, towards the inputs down to the lowest row that trains, towards the weights that
 * train.
 */
final class TrainingOperations {
  private TrainingOperations() {}

  static double of(PhiConfig config, TrainableParameters trainable, int tokens) {
    double targets = tokens - 1.0;
    double pairs = tokens * (tokens + 1.0) / 2;
    int lowest = lowestLayer(config, trainable);
    boolean body = lowest < config.numHiddenLayers();
    double sum = 0;
    for (Parameter parameter : trainable.parameters().all()) {
      boolean isHead = parameter.name().startsWith("lm_head");
      if (parameter.isVector() || parameter.name().startsWith("model.embed_tokens")) {
        continue;
      }
      double rows = isHead ? targets : tokens;
      double product = 2.0 * parameter.size() * rows;
      boolean towardsInput = isHead ? body : layer(parameter.name()) >= lowest;
      double trained = (double) trainable.rows(parameter.name()).count() * parameter.columns();
      sum += product * (towardsInput ? 2 : 1) + 2 * trained * rows;
    }
    sum += 3 * 2.0 * adapterParameters(trainable) * tokens; // forward, towards inputs and weights
    double attention = 2 * 2.0 * config.hiddenSize() * pairs; // scores and their weighted sum
    int above = config.numHiddenLayers() - lowest;
    return sum + attention * (config.numHiddenLayers() + 2.5 * above); // backward has 5 products
  }

  private static long adapterParameters(TrainableParameters trainable) {
    long count = trainable.parameterCount();
    for (String name : trainable.trained().keySet()) {
      long columns = trainable.parameters().get(name).columns();
      count -= trainable.rows(name).count() * columns;
    }
    return count;
  }

  private static int layer(String name) {
    return Integer.parseInt(name.split("\\.")[2]);
  }

  private static int lowestLayer(PhiConfig config, TrainableParameters trainable) {
    int lowest = config.numHiddenLayers();
    if (trainable.adapter().isPresent()) {
      for (String module : trainable.adapter().get().modules(trainable.parameters().names())) {
        lowest = Math.min(lowest, layer(module));
      }
    }
    for (String name : trainable.trained().keySet()) {
      if (name.startsWith("model.embed_tokens")) {
        return 0;
      }
      if (name.startsWith("model.layers.")) {
        lowest = Math.min(lowest, layer(name));
      }
    }
    return lowest;
  }
}
