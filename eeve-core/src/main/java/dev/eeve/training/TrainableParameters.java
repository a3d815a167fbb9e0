package dev.eeve.training;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.kernels.ElementType;
import dev.eeve.model.KeptTypes;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * Which rows of which parameters are trained; all else is frozen. Immutable: {@code unfreeze…}
 * gives a larger selection, so that a stage cannot inherit a leftover of another.
 *
 * {@snippet :
 * TrainableParameters own =
 *     TrainableParameters.of(parameters)
 *         .unfreezeRows("model.embed_tokens.weight", RowSet.from(50_295))
 *         .unfreeze("lm_head.weight", "lm_head.bias");
 * }
 */
public final class TrainableParameters {
  private final Parameters parameters;

  /** In module order; no set is empty or open. */
  private final SequencedMap<String, RowSet> trained;

  private final Optional<LoraConfig> adapter;

  /** How the model's matrices are kept outside this training; present where it trains in place. */
  private final Optional<KeptTypes> outside;

  private TrainableParameters(
      Parameters parameters,
      Map<String, RowSet> trained,
      Optional<LoraConfig> adapter,
      Optional<KeptTypes> outside) {
    this.parameters = parameters;
    this.adapter = adapter;
    this.outside = outside;
    LinkedHashMap<String, RowSet> ordered = new LinkedHashMap<>();
    for (String name : parameters.names()) {
      RowSet rows = trained.get(name);
      if (rows != null && !rows.isEmpty()) {
        ordered.put(name, rows);
      }
    }
    this.trained = Collections.unmodifiableSequencedMap(ordered);
  }

  /**
   * Nothing of a model: everything is frozen.
   *
   * @param parameters the model's
   * @return the empty selection
   */
  public static TrainableParameters of(Parameters parameters) {
    return new TrainableParameters(parameters, Map.of(), Optional.empty(), Optional.empty());
  }

  /**
   * An adapter beside the body's linear layers, and what it saves whole; every weight of the body
   * is frozen.
   *
   * @param parameters the model's
   * @param config the adapter's settings
   * @return the selection; it cannot be made larger
   * @throws IllegalArgumentException names a target that the model does not have
   */
  public static TrainableParameters adapter(Parameters parameters, LoraConfig config) {
    config.modules(parameters.names());
    Map<String, RowSet> saved = new LinkedHashMap<>();
    for (String name : parameters.names()) {
      String module = name.substring(0, name.lastIndexOf('.'));
      if (config.modulesToSave().contains(module.substring(module.lastIndexOf('.') + 1))) {
        saved.put(name, RowSet.all().within(parameters.get(name).rows()));
      }
    }
    return new TrainableParameters(parameters, saved, Optional.of(config), Optional.empty());
  }

  /**
   * What axolotl's {@code unfrozen_parameters} select, read literally: what no pattern names stays
   * frozen.
   *
   * @param parameters the model's
   * @param patterns in axolotl's notation, see {@link UnfrozenPattern}
   * @return the selection
   * @throws IllegalArgumentException names a pattern that is malformed, matches no parameter or
   *     gives rows that one does not have
   */
  public static TrainableParameters matching(Parameters parameters, List<String> patterns) {
    return UnfrozenPattern.select(parameters, patterns);
  }

  /**
   * This selection and all rows of some parameters.
   *
   * @param names in the current Hugging Face layout
   * @return a larger selection
   * @throws IllegalArgumentException names one that the model does not have
   */
  public TrainableParameters unfreeze(String... names) {
    TrainableParameters larger = this;
    for (String name : names) {
      larger = larger.unfreezeRows(name, RowSet.all());
    }
    return larger;
  }

  /**
   * This selection and some rows of a parameter.
   *
   * @param name in the current Hugging Face layout
   * @param rows added to those already selected
   * @return a larger selection
   * @throws IllegalArgumentException where the model has no such parameter, or it no such row
   */
  public TrainableParameters unfreezeRows(String name, RowSet rows) {
    Parameter parameter = parameters.get(name);
    if (adapter.isPresent()) {
      throw new IllegalArgumentException(
          name + ": unfrozen beside an adapter; name its module in lora_modules_to_save");
    }
    RowSet closed;
    try {
      closed = rows.within(parameter.rows());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
    }
    Map<String, RowSet> larger = new LinkedHashMap<>(trained);
    larger.merge(name, closed, RowSet::union);
    return new TrainableParameters(parameters, larger, adapter, outside);
  }

  /**
   * This selection for a model that is opened for one training: matrices that train whole are F32
   * from the start and change where they are, so that no copy in the model's own type stays beside
   * them. Open the model with {@code parameters().types()} of the result. Training gives the same
   * bits: the copy would hold the same values.
   *
   * @return the same rows, of parameters of other types; make it last, after all rows are chosen
   */
  public TrainableParameters inPlace() {
    Map<String, ElementType> types = new LinkedHashMap<>(parameters.types().matrices());
    types.replaceAll((name, type) -> trainsWhole(name) ? ElementType.F32 : type);
    return new TrainableParameters(
        parameters.withTypes(new KeptTypes(types)), trained, adapter, Optional.of(outside()));
  }

  /** How the model's matrices are kept outside this training. */
  KeptTypes outside() {
    return outside.orElse(parameters.types());
  }

  /** Whether a matrix changes where the model has it. */
  boolean trainsInPlace(String name) {
    Parameter parameter = parameters.get(name);
    return outside.isPresent()
        && !parameter.isVector()
        && parameter.type() == ElementType.F32
        && trainsWhole(name);
  }

  private boolean trainsWhole(String name) {
    return rows(name).count() == parameters.get(name).rows();
  }

  /**
   * The model's parameters, trained or not.
   *
   * @return all of them
   */
  public Parameters parameters() {
    return parameters;
  }

  /**
   * The trained rows of a parameter.
   *
   * @param name in the current Hugging Face layout
   * @return empty where it is frozen; never open at its end
   * @throws IllegalArgumentException where the model has no such parameter
   */
  public RowSet rows(String name) {
    return trained.getOrDefault(parameters.get(name).name(), RowSet.none());
  }

  /**
   * What is trained.
   *
   * @return rows by parameter, in module order, without frozen ones
   */
  public SequencedMap<String, RowSet> trained() {
    return trained;
  }

  /**
   * The adapter that trains.
   *
   * @return empty where none does
   */
  public Optional<LoraConfig> adapter() {
    return adapter;
  }

  /** The layers beside which the adapter stands. */
  List<String> adapted() {
    return adapter.map(config -> config.modules(parameters.names())).orElse(List.of());
  }

  /**
   * Whether nothing is trained.
   *
   * @return true for the empty selection
   */
  public boolean isEmpty() {
    return trained.isEmpty() && adapter.isEmpty();
  }

  /**
   * Trained elements.
   *
   * @return their number, over all parameters and the adapter
   */
  public long parameterCount() {
    long count = 0;
    for (String module : adapted()) {
      Parameter weight = parameters.get(module + ".weight");
      count += (long) adapter.get().r() * (weight.rows() + weight.columns());
    }
    for (Map.Entry<String, RowSet> entry : trained.entrySet()) {
      count += (long) entry.getValue().count() * parameters.get(entry.getKey()).columns();
    }
    return count;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TrainableParameters selection
        && parameters.equals(selection.parameters)
        && trained.equals(selection.trained)
        && adapter.equals(selection.adapter)
        && outside.equals(selection.outside);
  }

  @Override
  public int hashCode() {
    return trained.hashCode();
  }

  /** One line for each trained parameter, in axolotl's notation, and one for the adapter. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    trained.forEach((name, rows) -> text.append(name).append(rows).append('\n'));
    adapter.ifPresent(config -> text.append(config).append('\n'));
    return text.toString();
  }
}
