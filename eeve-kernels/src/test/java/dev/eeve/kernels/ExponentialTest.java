package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class ExponentialTest {
  private static final float[] SPECIAL = {
    0f,
    -0f,
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MIN_VALUE,
    -Float.MIN_VALUE,
    Float.MIN_NORMAL,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Exponential.MIN,
    Math.nextDown(Exponential.MIN),
    Exponential.MAX,
    Math.nextUp(Exponential.MAX)
  };

  @Test
  void theRelativeErrorStaysBelowTheDocumentedBound() {
    double worst = 0;
    float at = 0;
    for (float x = Exponential.MIN; x <= Exponential.MAX; x += 1f / 512 + 1e-5f) {
      double exact = StrictMath.exp(x);
      double error = Math.abs(Exponential.exp(x) - exact) / exact;
      if (error > worst) {
        worst = error;
        at = x;
      }
    }
    assertTrue(worst < 2e-7, worst + " at " + at);
  }

  @Test
  void theEndsOfTheRangeAreDefined() {
    assertEquals(0f, Exponential.exp(Float.NEGATIVE_INFINITY));
    assertEquals(0f, Exponential.exp(Math.nextDown(Exponential.MIN)));
    assertEquals(Exponential.exp(88f), Exponential.exp(Float.POSITIVE_INFINITY));
    assertEquals(1f, Exponential.exp(0f));
    assertEquals(1f, Exponential.exp(-0f));
    assertTrue(Float.isNaN(Exponential.exp(Float.NaN)));
  }

  @Test
  void theVectorFormGivesTheSameBits() {
    assumeTrue(Simd.VECTOR, "no vector kernels in this JVM");
    boolean emulated = Simd.bits() > 256;
    int count = emulated ? 1 << 14 : 1 << 20;
    SplittableRandom random = new SplittableRandom(5);
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      float any = Float.intBitsToFloat(random.nextInt());
      x[i] =
          switch (i % 3) {
            case 0 -> Float.isNaN(any) ? Float.NaN : any; // of any magnitude, subnormals too
            case 1 -> (float) random.nextDouble(-90, 90);
            default -> SPECIAL[i / 3 % SPECIAL.length];
          };
    }
    float[] result = x.clone();
    assertEquals(count, VectorExponential.expMinus(result, 0, count, 0f));
    for (int i = 0; i < count; i++) {
      int expected = Float.floatToIntBits(Exponential.exp(x[i]));
      assertEquals(expected, Float.floatToIntBits(result[i]), "e^" + x[i]);
    }
  }
}
