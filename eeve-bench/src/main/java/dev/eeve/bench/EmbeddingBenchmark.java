package dev.eeve.bench;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Embedding;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Weights;
import java.util.List;
import org.openjdk.jmh.annotations.Param;

/** {@link Embedding}: rows spread over the whole table. */
public class EmbeddingBenchmark extends TwinBenchmark {
  /** Tokens. */
  @Param({"phi2.embedding.T1", "phi2.embedding.T4", "phi2.embedding.T128", "phi2.embedding.T512"})
  public String shape;

  /** How the table is stored. */
  @Param({"F32", "F16", "BF16"})
  public ElementType type;

  private List<Weights> tables;
  private FloatMatrix out;
  private int[] ids;
  private int turn;

  /** For JMH. */
  public EmbeddingBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  Work prepare(Shape shape) {
    Shape.Matrix matrix = shape.matrices().getFirst();
    tables = WeightCopies.of(arena, type, matrix, 1, random);
    out = output(shape.tokens(), matrix.columns());
    ids = new int[matrix.rows() / shape.tokens() * shape.tokens()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (int) (i * 7919L % matrix.rows());
    }
    turn = 0;
    return Work.memory(
        (double) shape.tokens()
            * (type.byteSize(matrix.columns()) + (long) Float.BYTES * matrix.columns()),
        1);
  }

  @Override
  void run() {
    int first = turn;
    turn = first + out.rows() == ids.length ? 0 : first + out.rows();
    Embedding.forward(out, ids, first, tables.getFirst());
  }

  @Override
  void check() {
    float[] row = new float[out.columns()];
    for (int r : Check.samples(out.rows())) {
      tables.getFirst().row(ids[r], row, 0);
      for (int c : Check.samples(row.length)) {
        Check.near("row " + r + ", column " + c, row[c], out.data()[out.index(r) + c], 0);
      }
    }
  }
}
