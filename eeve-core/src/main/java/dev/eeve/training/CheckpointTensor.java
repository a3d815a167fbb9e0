package dev.eeve.training;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.kernels.Weights;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** A piece of a trainer's state, copied row by row to and from a checkpoint. */
sealed interface CheckpointTensor {
  String name();

  TensorSpec spec();

  /** Rows {@code first …} into a strip. */
  void copyTo(MemorySegment strip, int first, int count);

  /** Rows {@code first …} from a strip; false where a value is not finite. */
  boolean copyFrom(MemorySegment strip, int first, int count);

  default int rows() {
    return Math.toIntExact(spec().shape().getFirst());
  }

  default long rowBytes() {
    return spec().byteSize() / rows();
  }

  /** A matrix in its own type. */
  record Matrix(String name, Weights weights) implements CheckpointTensor {
    @Override
    public TensorSpec spec() {
      DType type = DType.valueOf(weights.type().name());
      return new TensorSpec(name, type, List.of((long) weights.rows(), (long) weights.columns()));
    }

    @Override
    public void copyTo(MemorySegment strip, int first, int count) {
      weights.copyRows(first, count, strip);
    }

    @Override
    public boolean copyFrom(MemorySegment strip, int first, int count) {
      return weights.put(first, count, strip, weights.type()) < 0;
    }
  }

  /** Elements of an array. */
  record Vector(String name, float[] values, int from, int count) implements CheckpointTensor {
    private static final ValueLayout.OfFloat FLOAT =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public TensorSpec spec() {
      return new TensorSpec(name, DType.F32, List.of((long) count, 1L));
    }

    @Override
    public void copyTo(MemorySegment strip, int first, int rows) {
      MemorySegment.copy(values, from + first, strip, FLOAT, 0, rows);
    }

    @Override
    public boolean copyFrom(MemorySegment strip, int first, int rows) {
      MemorySegment.copy(strip, FLOAT, 0, values, from + first, rows);
      return true;
    }
  }

  /** Memory as it is: 8-bit codes, or their scales. */
  record Memory(String name, DType type, MemorySegment memory) implements CheckpointTensor {
    @Override
    public TensorSpec spec() {
      return new TensorSpec(name, type, List.of(memory.byteSize() / type.byteSize(1)));
    }

    @Override
    public void copyTo(MemorySegment strip, int first, int count) {
      MemorySegment.copy(memory, first * rowBytes(), strip, 0, count * rowBytes());
    }

    @Override
    public boolean copyFrom(MemorySegment strip, int first, int count) {
      MemorySegment.copy(strip, 0, memory, first * rowBytes(), count * rowBytes());
      return true;
    }
  }

  /** Values and moments of all that trains. */
  static List<CheckpointTensor> of(List<Moments> all) {
    List<CheckpointTensor> tensors = new ArrayList<>();
    for (Moments moments : all) {
      String label = moments.label();
      String master = "master." + label;
      String first = "moment1." + label;
      String second = "moment2." + label;
      switch (moments) {
        case Moments.OfMatrix m -> {
          tensors.add(new Matrix(master, m.rows().master()));
          tensors.add(new Matrix(first, m.first()));
          tensors.add(new Matrix(second, m.second()));
        }
        case Moments.InBlocks m -> {
          tensors.add(new Matrix(master, m.rows().master()));
          List<MemorySegment> memory = m.both().memory();
          tensors.add(new Memory(first, DType.U8, memory.get(0)));
          tensors.add(new Memory(first + ".scales", DType.F32, memory.get(1)));
          tensors.add(new Memory(second, DType.U8, memory.get(2)));
          tensors.add(new Memory(second + ".scales", DType.F32, memory.get(3)));
        }
        case Moments.OfVector v -> {
          TrainedVector rows = v.rows();
          tensors.add(new Vector(master, rows.values(), rows.firstRow(), rows.rows()));
          tensors.add(new Vector(first, v.first(), 0, rows.rows()));
          tensors.add(new Vector(second, v.second(), 0, rows.rows()));
        }
      }
    }
    return tensors;
  }
}
