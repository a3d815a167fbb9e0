package dev.eeve.training;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.model.LinearLayer;
import dev.eeve.model.NormLayer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Cuts a model's parameters where training starts and ends; masters of what trains are fp32. */
final class RowSplitter {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int PANEL = Weights.PANEL_ROWS;

  private final Arena arena;
  private final TrainableParameters trainable;
  private final List<TrainedRows> trained;

  /** What trains is added to {@code trained} in the order of the calls. */
  RowSplitter(Arena arena, TrainableParameters trainable, List<TrainedRows> trained) {
    this.arena = arena;
    this.trainable = trainable;
    this.trained = trained;
  }

  TrainedLinear linear(String name, LinearLayer layer) {
    List<RowSegment> weight = matrix(name + ".weight", layer.weight());
    float[] bias = layer.bias().clone();
    return new TrainedLinear(weight, bias, vector(name + ".bias", bias), Optional.empty());
  }

  TrainedNorm norm(String name, NormLayer norm) {
    float[] weight = norm.weight().clone();
    float[] bias = norm.bias().clone();
    return new TrainedNorm(
        weight, bias, vector(name + ".weight", weight), vector(name + ".bias", bias));
  }

  private List<TrainedVector> vector(String name, float[] values) {
    List<TrainedVector> parts = new ArrayList<>();
    for (RowSet.Range range : trainable.rows(name).ranges()) {
      parts.add(new TrainedVector(name, range.from(), values, new float[range.count()]));
    }
    trained.addAll(parts);
    return parts;
  }

  List<RowSegment> matrix(String name, Weights base) {
    List<RowSegment> segments = new ArrayList<>();
    int row = 0;
    for (RowSet.Range range : trainable.rows(name).ranges()) {
      addFrozen(segments, base, row, range.from());
      Weights master = trainable.trainsInPlace(name) ? base : copy(base, range);
      TrainedMatrix rows =
          new TrainedMatrix(
              name,
              range.from(),
              master,
              Weights.allocate(arena, ElementType.F32, range.count(), base.columns()));
      trained.add(rows);
      segments.add(new RowSegment(range.from(), master, Optional.of(rows)));
      row = range.to();
    }
    addFrozen(segments, base, row, base.rows());
    return segments;
  }

  /** A view of the model's memory where a panel starts, else a copy. */
  private void addFrozen(List<RowSegment> segments, Weights base, int from, int to) {
    if (from == to) {
      return;
    }
    Weights rows;
    if (from % PANEL == 0) {
      rows = base.rows(from, to - from);
    } else {
      rows = Weights.allocate(arena, base.type(), to - from, base.columns());
      copy(rows, base, from, base.type());
    }
    segments.add(new RowSegment(from, rows, Optional.empty()));
  }

  private Weights copy(Weights base, RowSet.Range range) {
    Weights master = Weights.allocate(arena, ElementType.F32, range.count(), base.columns());
    copy(master, base, range.from(), ElementType.F32);
    return master;
  }

  private static void copy(Weights target, Weights base, int from, ElementType type) {
    int columns = base.columns();
    float[] row = new float[columns];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strip = arena.allocate(PANEL * type.byteSize(columns));
      for (int first = 0; first < target.rows(); first += PANEL) {
        int count = Math.min(PANEL, target.rows() - first);
        if (type == base.type()) {
          base.copyRows(from + first, count, strip);
        } else {
          for (int r = 0; r < count; r++) {
            base.row(from + first + r, row, 0);
            MemorySegment.copy(row, 0, strip, FLOAT, (long) r * columns * 4, columns);
          }
        }
        long bad = target.put(first, count, strip, type);
        if (bad >= 0) {
          throw new IllegalStateException(
              "row " + (from + first + bad / columns) + ": not finite in a loaded model");
        }
      }
    }
  }
}
