package dev.eeve.bench;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.RotaryEmbedding;
import org.openjdk.jmh.annotations.Param;

/** {@link RotaryEmbedding} of queries or keys, 32 of each head's 80 dimensions. */
public class RotaryBenchmark extends TwinBenchmark {
  private static final int ROTARY = 32;
  private static final int POSITIONS = 2048;

  /** First position and tokens. */
  @Param({"phi2.rotary.P1500.T1", "phi2.rotary.P1500.T4", "phi2.rotary.P1500.T128"})
  public String shape;

  private RotaryEmbedding rotary;
  private FloatMatrix x;
  private float[] before;
  private int headSize;
  private int position;

  /** For JMH. */
  public RotaryBenchmark() {}

  @Override
  String shape() {
    return shape;
  }

  @Override
  Work prepare(Shape shape) {
    Width width = shape.width();
    headSize = width.headSize();
    position = shape.position();
    rotary = new RotaryEmbedding(ROTARY, headSize, 10_000, POSITIONS);
    x = input(shape.tokens(), width.hidden());
    before = x.data().clone();
    return Work.memory(2.0 * Float.BYTES * shape.tokens() * width.heads() * ROTARY, 1);
  }

  @Override
  void run() {
    rotary.forward(x, position);
  }

  /** Angles are fp32 products of position and frequency, so off by two roundings of their size. */
  @Override
  void check() {
    int half = ROTARY / 2;
    for (int r : Check.samples(x.rows())) {
      int head = x.index(r) + x.columns() - headSize; // the last one
      for (int i : Check.samples(half)) {
        double angle = (position + r) * Math.pow(10_000, -2.0 * i / ROTARY);
        double low = before[head + i];
        double high = before[head + half + i];
        double bound = (2 * angle + 4) * Check.ROUNDING * (Math.abs(low) + Math.abs(high));
        double cos = Math.cos(angle);
        double sin = Math.sin(angle);
        String where = "row " + r + ", pair " + i;
        Check.near(where, low * cos - high * sin, x.data()[head + i], bound);
        Check.near(where, high * cos + low * sin, x.data()[head + half + i], bound);
      }
      Check.near("unrotated", before[head + ROTARY], x.data()[head + ROTARY], 0);
    }
  }
}
