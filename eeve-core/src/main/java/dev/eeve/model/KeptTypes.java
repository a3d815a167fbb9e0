package dev.eeve.model;

import dev.eeve.adapter.LoraConfig;
import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.checkpoint.ResolvedTensor;
import dev.eeve.kernels.ElementType;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How each matrix of a model is kept.
 *
 * @param matrices type by name
 */
public record KeptTypes(Map<String, ElementType> matrices) {
  /** Keeps a copy. */
  public KeptTypes {
    matrices = Collections.unmodifiableMap(new LinkedHashMap<>(matrices)); // keeps the order
  }

  /**
   * One type for all, F16 where rows are not whole blocks of it.
   *
   * @param config the shape
   * @param type the type wanted
   * @return the types
   */
  public static KeptTypes of(PhiConfig config, ElementType type) {
    Map<String, ElementType> types = new LinkedHashMap<>();
    config
        .dimensions()
        .shapes()
        .forEach(
            (name, shape) -> {
              if (shape.size() > 1) {
                types.put(name, type.forColumns(Math.toIntExact(shape.get(1))));
              }
            });
    return new KeptTypes(types);
  }

  /**
   * The types for a file: the one chosen; else each matrix's own where the file has blocks of a
   * type that is kept; else that of embed_tokens for all.
   *
   * @param config the shape
   * @param tensors where each tensor is
   * @param chosen the type wanted
   * @return the types
   */
  public static KeptTypes of(
      PhiConfig config, Map<String, ResolvedTensor> tensors, Optional<ElementType> chosen) {
    ElementType largest = tensors.get("model.embed_tokens.weight").source().dtype().kept();
    boolean blocks =
        tensors.values().stream()
            .map(tensor -> tensor.source().dtype().kept())
            .anyMatch(type -> type.blocks().isPresent());
    KeptTypes types = of(config, chosen.orElse(largest));
    if (chosen.isPresent() || !blocks) {
      return types;
    }
    Map<String, ElementType> own = new LinkedHashMap<>();
    types.matrices.forEach(
        (name, type) -> own.put(name, tensors.get(name).source().dtype().kept()));
    return new KeptTypes(own);
  }

  /**
   * These types, but another for the body's linear layers, as an adapter's frozen base is kept.
   *
   * @param config the shape
   * @param type of matrices whose rows are whole blocks of it; others stay as they are
   * @return the types
   */
  public KeptTypes withLinears(PhiConfig config, ElementType type) {
    Map<String, ElementType> types = new LinkedHashMap<>(matrices);
    PhiDimensions dimensions = config.dimensions();
    for (String module : LoraConfig.defaults().modules(dimensions.shapes().keySet())) {
      String name = module + ".weight";
      int columns = Math.toIntExact(dimensions.shapes().get(name).get(1));
      if (type.forColumns(columns) == type) {
        types.put(name, type);
      }
    }
    return new KeptTypes(types);
  }

  /**
   * The type that most weights have.
   *
   * @param config the shape
   * @return the type
   */
  public ElementType main(PhiConfig config) {
    Map<ElementType, Long> elements = new EnumMap<>(ElementType.class);
    PhiDimensions dimensions = config.dimensions();
    matrices.forEach(
        (name, type) -> {
          List<Long> shape = dimensions.shapes().get(name);
          elements.merge(type, shape.get(0) * shape.get(1), Long::sum);
        });
    return elements.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
  }

  /** Warns of what is kept as F16 because its rows are not whole blocks of the type wanted. */
  void tellWhatStaysF16(ElementType wanted) {
    List<String> names =
        wanted.blocks().isEmpty()
            ? List.of()
            : matrices.keySet().stream().filter(name -> matrices.get(name) != wanted).toList();
    if (!names.isEmpty()) {
      System.getLogger("dev.eeve")
          .log(
              System.Logger.Level.WARNING,
              "%d matrices are kept as F16: their rows are no multiple of %d elements; one is %s"
                  .formatted(names.size(), wanted.blocks().get().elements(), names.getFirst()));
    }
  }
}
