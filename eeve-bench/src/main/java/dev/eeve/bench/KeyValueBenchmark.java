package dev.eeve.bench;

import dev.eeve.kernels.CausalAttention;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.KeyValueRows;
import org.openjdk.jmh.annotations.Param;

/** {@link KeyValueRows#put}: a layer's new keys and values into the cache. */
public class KeyValueBenchmark extends TwinBenchmark {
  private static final int POSITIONS = 2048;

  /** First position and tokens. */
  @Param({"phi2.cache.P1500.T1", "phi2.cache.P1500.T128"})
  public String shape;

  /** How keys and values are kept. */
  @Param({"F32", "F16", "BF16", "Q8_0"})
  public ElementType type;

  private Width width;
  private KeyValueRows cache;
  private FloatMatrix k;
  private FloatMatrix v;
  private int position;

  /** For JMH. */
  public KeyValueBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  Work prepare(Shape shape) {
    width = shape.width();
    position = shape.position();
    cache = KeyValueRows.allocate(arena, type, width.heads(), width.headSize(), POSITIONS);
    k = Check.exact(input(shape.tokens(), width.hidden()), width.headSize());
    v = Check.exact(input(shape.tokens(), width.hidden()), width.headSize());
    return Work.memory(2.0 * 2 * Float.BYTES * shape.tokens() * width.hidden(), 1);
  }

  @Override
  void run() {
    cache.put(workers, k, v, position);
  }

  /**
   * Reads the cache the way it is read: a long query along the key of one position gives it all the
   * weight, so the result is that position's value.
   */
  @Override
  void check() {
    FloatMatrix out = output(1, width.hidden());
    FloatMatrix query = FloatMatrix.allocate(1, width.hidden());
    for (int r : Check.samples(k.rows())) {
      for (int i = 0; i < width.hidden(); i++) {
        query.data()[i] = 1000 * k.data()[k.index(r) + i];
      }
      CausalAttention.forward(workers, out, query, cache, position + k.rows() - 1);
      for (int c : Check.samples(width.hidden())) {
        Check.near("row " + r + ", value " + c, v.data()[v.index(r) + c], out.data()[c], 1e-6);
      }
    }
  }
}
