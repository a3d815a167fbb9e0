package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.kernels.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RoundingTest {
  private static final int DRAWS = 20_000;

  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F16", "BF16"})
  void stochasticRoundingHasTheExactMeanAndTheSeedsBits(ElementType type) {
    for (float value : new float[] {1.0003f, -0.3001f, 123.456f, -7e-6f}) {
      RandomNumbers random = new RandomNumbers(7, 1, 2);
      RandomNumbers same = new RandomNumbers(7, 1, 2);
      double sum = 0;
      double least = Double.MAX_VALUE;
      double most = -Double.MAX_VALUE;
      for (int i = 0; i < DRAWS; i++) {
        short bits = Rounding.STOCHASTIC.round(value, type, random);
        assertEquals(bits, Rounding.STOCHASTIC.round(value, type, same));
        double rounded = Rounding.widen(bits, type);
        sum += rounded;
        least = Math.min(least, rounded);
        most = Math.max(most, rounded);
      }
      assertTrue(least <= value && value <= most, "only its two neighbours: " + value);
      // a mean of n draws between two neighbours is off by their distance / √n at most 5 in 10⁶
      // times
      double bound = 2.5 * (most - least) / Math.sqrt(DRAWS);
      assertEquals(value, sum / DRAWS, bound, type + " " + value);
    }
  }

  @Test
  void whatATypeHoldsExactlyStays() {
    RandomNumbers random = new RandomNumbers(1, 1, 1);
    for (float value : new float[] {0f, -0f, 1f, -0.5f, 65504f}) {
      short bits = Rounding.STOCHASTIC.round(value, ElementType.F16, random);
      assertEquals(value, Rounding.widen(bits, ElementType.F16));
    }
    short large = Rounding.STOCHASTIC.round(65510f, ElementType.F16, random);
    assertEquals(65504f, Rounding.widen(large, ElementType.F16), "never up to infinity");
  }
}
