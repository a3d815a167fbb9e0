package dev.eeve.kernels;

import java.util.Arrays;

/**
 * Rotary position embedding over the first dimensions of each head, in pairs (i, i + half): NeoX
 * halves (Su et al., 2021; transformers' apply_rotary_pos_emb). Frequencies and angles are fp32.
 */
public final class RotaryEmbedding {
  /** Positions tabulated at once: a model may allow many more than anyone asks for. */
  private static final int FIRST_POSITIONS = 1 << 13;

  private final int half;
  private final int headSize;
  private final int positions;
  private final float[] frequencies;
  private volatile Angles angles = new Angles(0, new float[0], new float[0]);

  /** (positions, half) each. */
  private record Angles(int positions, float[] cosines, float[] sines) {}

  /**
   * Tabulates the angles, those of far positions when they are first met.
   *
   * @param rotarySize rotated dimensions of a head; even
   * @param headSize D
   * @param theta base of the frequencies
   * @param positions positions 0 … positions − 1
   */
  public RotaryEmbedding(int rotarySize, int headSize, double theta, int positions) {
    if (rotarySize < 0 || rotarySize % 2 != 0 || rotarySize > headSize) {
      throw new IllegalArgumentException(
          "rotarySize: " + rotarySize + ", needed an even number of at most " + headSize);
    }
    this.half = rotarySize / 2;
    this.headSize = headSize;
    this.positions = positions;
    this.frequencies = new float[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = (float) (1 / StrictMath.pow(theta, 2.0 * i / rotarySize));
    }
    reach(Math.min(positions, FIRST_POSITIONS));
  }

  /** Tabulates up to a position, and as many again where there were some. */
  private synchronized void reach(int end) {
    Angles before = angles;
    if (end <= before.positions) {
      return;
    }
    int count = (int) Math.min(positions, Math.max(end, 2L * before.positions));
    int size = Math.multiplyExact(count, half);
    float[] cosines = Arrays.copyOf(before.cosines, size);
    float[] sines = Arrays.copyOf(before.sines, size);
    for (int p = before.positions; p < count; p++) {
      for (int i = 0; i < half; i++) {
        float angle = p * frequencies[i];
        cosines[p * half + i] = (float) StrictMath.cos(angle);
        sines[p * half + i] = (float) StrictMath.sin(angle);
      }
    }
    angles = new Angles(count, cosines, sines);
  }

  /**
   * Rotates the heads of consecutive positions in place.
   *
   * @param x (R, H · D), overwritten
   * @param firstPosition position of row 0
   */
  public void forward(FloatMatrix x, int firstPosition) {
    check(x, firstPosition);
    rotate(x, 0, x.rows(), firstPosition, 1f);
  }

  /**
   * {@link #forward(FloatMatrix, int)}, rows shared out among threads.
   *
   * @param workers the caller's threads
   * @param x (R, H · D), overwritten
   * @param firstPosition position of row 0
   */
  public void forward(Workers workers, FloatMatrix x, int firstPosition) {
    check(x, firstPosition);
    workers.rotaryJob.run(workers, this, x, firstPosition, 1f);
  }

  /**
   * Rotates gradients the other way, in place.
   *
   * @param workers the caller's threads
   * @param dX (R, H · D), overwritten
   * @param firstPosition position of row 0
   */
  public void backward(Workers workers, FloatMatrix dX, int firstPosition) {
    check(dX, firstPosition);
    workers.rotaryJob.run(workers, this, dX, firstPosition, -1f);
  }

  private void check(FloatMatrix x, int firstPosition) {
    if (x.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "x: (%d, %d), needed columns in heads of %d".formatted(x.rows(), x.columns(), headSize));
    }
    if (firstPosition < 0 || firstPosition > positions - x.rows()) {
      throw new IllegalArgumentException(
          "position: %d rows from %d, the angles reach to %d"
              .formatted(x.rows(), firstPosition, positions));
    }
    if (firstPosition + x.rows() > angles.positions) {
      reach(firstPosition + x.rows());
    }
  }

  private void rotate(FloatMatrix x, int from, int to, int firstPosition, float direction) {
    float[] data = x.data();
    float[] cosines = angles.cosines;
    float[] sines = angles.sines;
    for (int r = from; r < to; r++) {
      int angle = (firstPosition + r) * half;
      for (int h = x.index(r); h < x.index(r) + x.columns(); h += headSize) {
        for (int i = 0; i < half; i++) {
          float cos = cosines[angle + i];
          float sin = direction * sines[angle + i];
          float low = data[h + i];
          float high = data[h + half + i];
          data[h + i] = Math.fma(low, cos, -(high * sin));
          data[h + half + i] = Math.fma(high, cos, low * sin);
        }
      }
    }
  }

  /** One unit is some rows. */
  static final class RotateJob extends Job {
    private static final int ROWS = 16;

    private RotaryEmbedding rotary;
    private FloatMatrix x;
    private int firstPosition;
    private float direction;

    void run(
        Workers workers,
        RotaryEmbedding rotary,
        FloatMatrix x,
        int firstPosition,
        float direction) {
      this.rotary = rotary;
      this.x = x;
      this.firstPosition = firstPosition;
      this.direction = direction;
      workers.run(this, (x.rows() + ROWS - 1) / ROWS);
      this.rotary = null;
      this.x = null;
    }

    @Override
    void run(int unit, Scratch scratch) {
      int to = Math.min(x.rows(), (unit + 1) * ROWS);
      rotary.rotate(x, unit * ROWS, to, firstPosition, direction);
    }
  }
}
