package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Vector twin of {@link StochasticRounding}. */
final class VectorStochasticRounding {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int HALF = Weights.PANEL_ROWS / 2;
  private static final int[] STEPS = new int[LANES];

  static {
    for (int i = 0; i < LANES; i++) {
      STEPS[i] = i * 0x9E3779B1;
    }
  }

  private VectorStochasticRounding() {}

  static boolean narrow(
      int[] ints, int at, int stride, float[] values, int lines, int seed, int place) {
    IntVector steps = IntVector.fromArray(INTS, STEPS, 0);
    IntVector carried = IntVector.zero(INTS);
    for (int line = 0; line < lines; line++) {
      for (int j = 0; j < HALF; j += LANES) {
        IntVector x = steps.add((place + line * HALF + j) * 0x9E3779B1 + seed);
        x = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 16)).mul(0x7feb352d);
        x = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 15)).mul(0x846ca68b);
        x = x.lanewise(VectorOperators.XOR, x.lanewise(VectorOperators.LSHR, 16));
        int from = line * Weights.PANEL_ROWS + j;
        IntVector low =
            FloatVector.fromArray(FLOATS, values, from).reinterpretAsInts().add(x.and(0xFFFF));
        IntVector high =
            FloatVector.fromArray(FLOATS, values, from + HALF)
                .reinterpretAsInts()
                .add(x.lanewise(VectorOperators.LSHR, 16));
        carried = carried.or(low.and(0x7F800000).add(0x00800000));
        carried = carried.or(high.and(0x7F800000).add(0x00800000));
        low.lanewise(VectorOperators.LSHR, 16)
            .or(high.and(0xFFFF0000))
            .intoArray(ints, at + line * stride + j);
      }
    }
    return carried.reduceLanes(VectorOperators.OR) >= 0;
  }
}
