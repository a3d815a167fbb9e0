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

/**
 * Cuts a model's parameters where training starts and ends. Masters of what trains are fp32:
 * copies, or the model's own memory where the selection trains in place. Where there are no masters
 * it stays the model's own rows too, if whole groups of rows start with it and no panel holds
 * frozen rows beside it, and else is copied as it is.
 */
final class RowSplitter {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int PANEL = Weights.PANEL_ROWS;

  private final Arena arena;
  private final TrainableParameters trainable;
  private final OptimizerMemory kept;
  private final GradientMemory gradients;
  private final List<TrainedRows> trained;

  /** What trains is added to {@code trained} in the order of the calls. */
  RowSplitter(
      Arena arena, TrainableParameters trainable, OptimizerMemory kept, List<TrainedRows> trained) {
    this.arena = arena;
    this.trainable = trainable;
    this.kept = kept;
    this.gradients = new GradientMemory(arena, trainable, kept.optimizerInBwd());
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
      Weights master = master(name, base, range);
      TrainedMatrix rows =
          new TrainedMatrix(
              name, range.from(), master, gradients.allocate(name, range.count(), base.columns()));
      trained.add(rows);
      segments.add(new RowSegment(range.from(), master, Optional.of(rows)));
      row = range.to();
    }
    addFrozen(segments, base, row, base.rows());
    return segments;
  }

  private Weights master(String name, Weights base, RowSet.Range range) {
    if (inPlace(trainable, kept, name, range)) {
      return range.count() == base.rows() ? base : base.rows(range.from(), range.count());
    }
    ElementType type = kept.bf16StochasticRound() ? base.type() : ElementType.F32;
    Weights master = Weights.allocate(arena, type, range.count(), base.columns());
    copy(master, base, range.from(), type);
    return master;
  }

  private static boolean inPlace(
      TrainableParameters trainable, OptimizerMemory kept, String name, RowSet.Range range) {
    if (!kept.bf16StochasticRound()) {
      return trainable.trainsInPlace(name);
    }
    int rows = trainable.parameters().get(name).rows();
    return range.from() % Weights.GROUP_ROWS == 0
        && (range.to() % PANEL == 0 || range.to() == rows);
  }

  /** Bytes of the copies of a parameter's rows that train. */
  static long byteSize(TrainableParameters trainable, OptimizerMemory kept, String name) {
    Parameter parameter = trainable.parameters().get(name);
    long bytes = 0;
    for (RowSet.Range range : trainable.rows(name).ranges()) {
      if (parameter.isVector()) {
        bytes += (long) Float.BYTES * range.count();
      } else if (!inPlace(trainable, kept, name, range)) {
        ElementType type = kept.bf16StochasticRound() ? parameter.type() : ElementType.F32;
        bytes += Weights.byteSize(type, range.count(), parameter.columns());
      }
    }
    return bytes;
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
