package dev.eeve.kernels;

/**
 * Rotary position embedding over the first dimensions of each head, in pairs (i, i + half): NeoX
 * halves (Su et al., 2021; transformers' apply_rotary_pos_emb). Frequencies and angles are fp32.
 */
public final class RotaryEmbedding {
  private final int half;
  private final int headSize;
  private final int positions;
  private final float[] cosines;
  private final float[] sines;

  /**
   * Tabulates the angles.
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
    this.cosines = new float[positions * half];
    this.sines = new float[positions * half];
    for (int i = 0; i < half; i++) {
      float frequency = (float) (1 / StrictMath.pow(theta, 2.0 * i / rotarySize));
      for (int p = 0; p < positions; p++) {
        float angle = p * frequency;
        cosines[p * half + i] = (float) StrictMath.cos(angle);
        sines[p * half + i] = (float) StrictMath.sin(angle);
      }
    }
  }

  /**
   * Rotates the heads of consecutive positions in place.
   *
   * @param x (R, H · D), overwritten
   * @param firstPosition position of row 0
   */
  public void forward(FloatMatrix x, int firstPosition) {
    rotate(x, firstPosition, 1f);
  }

  /**
   * Rotates gradients the other way, in place.
   *
   * @param dX (R, H · D), overwritten
   * @param firstPosition position of row 0
   */
  public void backward(FloatMatrix dX, int firstPosition) {
    rotate(dX, firstPosition, -1f);
  }

  private void rotate(FloatMatrix x, int firstPosition, float direction) {
    if (x.columns() % headSize != 0) {
      throw new IllegalArgumentException(
          "x: (%d, %d), needed columns in heads of %d".formatted(x.rows(), x.columns(), headSize));
    }
    if (firstPosition < 0 || firstPosition > positions - x.rows()) {
      throw new IllegalArgumentException(
          "position: %d rows from %d, the angles reach to %d"
              .formatted(x.rows(), firstPosition, positions));
    }
    float[] data = x.data();
    for (int r = 0; r < x.rows(); r++) {
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
}
