package dev.eeve.training;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.HashMap;
import java.util.Map;

/**
 * Where the gradients of matrices stand: each in memory of its own, or, where they are used up
 * within the backward pass, one block that the head, each layer and the embedding take in turn.
 */
final class GradientMemory {
  private static final String LAYER = "model.layers.";

  private final Arena arena;
  private final boolean shares;
  private final MemorySegment block;
  private final Map<String, SegmentAllocator> turns = new HashMap<>();

  GradientMemory(Arena arena, TrainableParameters trainable, boolean shares) {
    this.arena = arena;
    this.shares = shares;
    long bytes = shares ? byteSize(trainable, true) : 0;
    this.block = bytes == 0 ? MemorySegment.NULL : arena.allocate(bytes, 64);
  }

  /** Takes memory for the gradient of some rows of a parameter. */
  Weights allocate(String name, int rows, int columns) {
    SegmentAllocator memory =
        shares
            ? turns.computeIfAbsent(turn(name), key -> SegmentAllocator.slicingAllocator(block))
            : arena;
    return Weights.allocate(memory, ElementType.F32, rows, columns);
  }

  /** What is whole at the same time. */
  private static String turn(String name) {
    return name.startsWith(LAYER) ? name.substring(0, name.indexOf('.', LAYER.length())) : name;
  }

  /** Bytes of the gradients of all matrices that train, or of the largest turn. */
  static long byteSize(TrainableParameters trainable, boolean shares) {
    Map<String, Long> turns = new HashMap<>();
    trainable
        .trained()
        .forEach(
            (name, rows) -> {
              Parameter parameter = trainable.parameters().get(name);
              for (RowSet.Range range : rows.ranges()) {
                if (!parameter.isVector()) {
                  long bytes =
                      Weights.byteSize(ElementType.F32, range.count(), parameter.columns());
                  turns.merge(turn(name), bytes, Long::sum);
                }
              }
            });
    return shares
        ? turns.values().stream().mapToLong(Long::longValue).max().orElse(0)
        : turns.values().stream().mapToLong(Long::longValue).sum();
  }
}
