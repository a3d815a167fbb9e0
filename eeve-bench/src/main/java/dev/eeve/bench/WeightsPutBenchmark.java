package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.openjdk.jmh.annotations.Param;

/** {@link Weights#put}: what loading does to a strip of rows as a file has them. */
public class WeightsPutBenchmark extends TwinBenchmark {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The matrix. */
  @Param({"phi2.fc1", "phi2.fc2"})
  public String shape;

  /** Its type in the file. */
  @Param({"F32", "F16", "BF16"})
  public ElementType from;

  /** Its type in memory. */
  @Param({"F32", "F16", "BF16"})
  public ElementType type;

  private List<Weights> copies;
  private MemorySegment file;
  private int turn;

  /** For JMH. */
  public WeightsPutBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  boolean allocates() {
    return true; // an object that holds the source while its rows are stored
  }

  @Override
  Work prepare(Shape shape) {
    Shape.Matrix matrix = shape.matrices().getFirst();
    double bytes = from.byteSize(matrix.elements()) + (double) type.byteSize(matrix.elements());
    copies = WeightCopies.of(arena, type, matrix, Math.min(4, shape.copies((long) bytes)), random);
    Weights source = WeightCopies.of(arena, from, matrix, 1, random).getFirst();
    file = arena.allocate(from.byteSize(matrix.elements()), 64);
    source.copyRows(0, matrix.rows(), file);
    turn = 0;
    return Work.memory(bytes, 1);
  }

  @Override
  void run() {
    Weights weights = copies.get(turn);
    turn = turn + 1 == copies.size() ? 0 : turn + 1;
    weights.put(0, weights.rows(), file, from);
  }

  /** A stored element is the file's, rounded once: by half a unit in the type's last place. */
  @Override
  void check() {
    Weights weights = copies.getFirst();
    double share =
        switch (type) {
          case F32 -> 0;
          case F16 -> from == ElementType.F16 ? 0 : 0x1p-11;
          case BF16 -> from == ElementType.BF16 ? 0 : 0x1p-8;
          case Q8_0 -> 0.5 / 127 + 0x1p-11;
          case Q4_0 -> 1 / 8.0 + 0x1p-11;
        };
    float[] row = new float[weights.columns()];
    for (int r : Check.samples(weights.rows())) {
      weights.row(r, row, 0);
      for (int c : Check.samples(row.length)) {
        double expected = element((long) r * row.length + c);
        double largest = type.blocks().isPresent() ? largest(r, c, row.length) : expected;
        double bound = Math.max(share * Math.abs(largest), share == 0 ? 0 : 0x1p-25);
        Check.near("row " + r + ", column " + c, expected, row[c], bound);
      }
    }
  }

  /** The largest magnitude of a block. */
  private double largest(int row, int column, int columns) {
    double largest = 0;
    int block = type.blocks().orElseThrow().elements();
    for (int c = column / block * block; c < (column / block + 1) * block; c++) {
      largest = Math.max(largest, Math.abs(element((long) row * columns + c)));
    }
    return largest;
  }

  private double element(long index) {
    return switch (from) {
      case F32 -> file.get(FLOAT, index * 4);
      case F16 -> Float.float16ToFloat(file.get(SHORT, index * 2));
      case BF16 -> Float.intBitsToFloat(file.get(SHORT, index * 2) << 16);
      case Q8_0, Q4_0 -> throw new IllegalArgumentException("from: " + from);
    };
  }
}
