package dev.eeve.training;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;

/** How fp32 masters become 16-bit weights, {@code save_rounding}. */
public enum Rounding {
  /** To the nearest value, ties to even. */
  NEAREST,
  /** Up or down by chance, so that the mean is exact. */
  STOCHASTIC;

  /** The bits of a value in a 16-bit type. */
  short round(float value, ElementType type, RandomNumbers random) {
    short nearest = nearest(value, type);
    float rounded = widen(nearest, type);
    if (this == NEAREST || rounded == value || !Float.isFinite(rounded)) {
      return nearest;
    }
    boolean away = Math.abs(rounded) < Math.abs(value);
    short other = (short) (nearest + (away ? 1 : -1)); // sign and magnitude: a step is one bit
    float otherValue = widen(other, type);
    if (!Float.isFinite(otherValue)) {
      return nearest;
    }
    double chance = ((double) value - rounded) / ((double) otherValue - rounded);
    return random.unit() < chance ? other : nearest;
  }

  private static short nearest(float value, ElementType type) {
    return type == ElementType.BF16 ? Weights.floatToBfloat16(value) : Float.floatToFloat16(value);
  }

  static float widen(short bits, ElementType type) {
    return type == ElementType.BF16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat(bits);
  }
}
