package dev.eeve.training;

import dev.eeve.kernels.ElementType;
import dev.eeve.model.KeptTypes;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedCollection;
import java.util.SequencedMap;
import java.util.SequencedSet;

/** Every parameter of a model: name, shape and type, in module order. Immutable. */
public final class Parameters {
  private final SequencedMap<String, Parameter> byName;

  private Parameters(SequencedMap<String, Parameter> byName) {
    this.byName = byName;
  }

  /**
   * The parameters of a model in memory.
   *
   * @param model the model
   * @return all of them
   */
  public static Parameters of(PhiModel model) {
    return of(model.config(), model.types());
  }

  /**
   * The parameters a model would have.
   *
   * @param config its shape
   * @param type how its matrices are kept
   * @return all of them
   */
  public static Parameters of(PhiConfig config, ElementType type) {
    return of(config, KeptTypes.of(config, type));
  }

  /**
   * The parameters a model would have whose matrices are kept in different types.
   *
   * @param config the shape
   * @param types how each matrix is kept
   * @return all of them
   */
  public static Parameters of(PhiConfig config, KeptTypes types) {
    LinkedHashMap<String, Parameter> byName = new LinkedHashMap<>();
    config
        .dimensions()
        .shapes()
        .forEach(
            (name, shape) ->
                byName.put(
                    name,
                    new Parameter(
                        name,
                        shape.stream().map(Math::toIntExact).toList(),
                        types.matrices().getOrDefault(name, ElementType.F32))));
    return new Parameters(Collections.unmodifiableSequencedMap(byName));
  }

  /** The same parameters, kept in other types. */
  Parameters withTypes(KeptTypes types) {
    LinkedHashMap<String, Parameter> other = new LinkedHashMap<>(byName);
    types
        .matrices()
        .forEach((name, type) -> other.put(name, new Parameter(name, get(name).shape(), type)));
    return new Parameters(Collections.unmodifiableSequencedMap(other));
  }

  /**
   * How each matrix is kept.
   *
   * @return types by name
   */
  public KeptTypes types() {
    Map<String, ElementType> matrices = new LinkedHashMap<>();
    for (Parameter parameter : byName.values()) {
      if (!parameter.isVector()) {
        matrices.put(parameter.name(), parameter.type());
      }
    }
    return new KeptTypes(matrices);
  }

  /**
   * One parameter.
   *
   * @param name its name in the current Hugging Face layout
   * @return the parameter
   * @throws IllegalArgumentException where the model has none of that name
   */
  public Parameter get(String name) {
    Parameter parameter = byName.get(name);
    if (parameter == null) {
      throw new IllegalArgumentException(
          "parameter: \"%s\" is none of the model's %d, needed a name such as \"%s\""
              .formatted(name, byName.size(), byName.firstEntry().getKey()));
    }
    return parameter;
  }

  /**
   * The names.
   *
   * @return in module order
   */
  public SequencedSet<String> names() {
    return byName.sequencedKeySet();
  }

  /**
   * The parameters.
   *
   * @return in module order
   */
  public SequencedCollection<Parameter> all() {
    return byName.sequencedValues();
  }

  /**
   * Elements of all parameters.
   *
   * @return 2,819,340,864 for EEVE-Korean-2.8B
   */
  public long parameterCount() {
    return byName.values().stream().mapToLong(Parameter::size).sum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Parameters parameters && byName.equals(parameters.byName);
  }

  @Override
  public int hashCode() {
    return byName.hashCode();
  }

  /** One line a parameter. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (Map.Entry<String, Parameter> entry : byName.entrySet()) {
      Parameter parameter = entry.getValue();
      text.append(entry.getKey())
          .append(' ')
          .append(parameter.type())
          .append(' ')
          .append(parameter.shape())
          .append('\n');
    }
    return text.toString();
  }
}
