package dev.eeve.kernels;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Vector twins of {@link KeyValueReads}. */
final class VectorKeyValues {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final VectorSpecies<Integer> INTS = Lanes.INTS;
  private static final int LANES = FLOATS.length();
  private static final int KEY_BLOCK = KeyValueRows.KEY_BLOCK;
  private static final int GROUP = KeyValueRows.GROUP;

  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(LANES * 16));

  /** As many bytes as there are lanes, but never less than the shortest vector has. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * 8)));

  private static final int READ = BYTES.length();

  private VectorKeyValues() {}

  /** Widens whole vectors and returns how many elements these are. */
  static int widenBf16(float[] out, short[] halves, int count) {
    int bound = FLOATS.loopBound(count);
    for (int i = 0; i < bound; i += LANES) {
      ((IntVector)
              ShortVector.fromArray(SHORTS, halves, i).convertShape(VectorOperators.S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoArray(out, i);
    }
    return bound;
  }

  /** Lanes are keys: a vector of scales serves 32 features. */
  static void keys(float[] out, byte[] codes, float[] scales, int blocks, int size) {
    int groups = (size + GROUP - 1) / GROUP;
    for (int c = 0; c < KEY_BLOCK; c += LANES) {
      int part = c % READ / LANES;
      for (int b = 0; b < blocks; b++) {
        for (int g = 0; g < groups; g++) {
          FloatVector scale =
              FloatVector.fromArray(FLOATS, scales, (b * groups + g) * KEY_BLOCK + c);
          int end = Math.min(size, (g + 1) * GROUP);
          for (int d = g * GROUP; d < end; d++) {
            int line = (b * size + d) * KEY_BLOCK;
            ByteVector code = ByteVector.fromArray(BYTES, codes, line + c / READ * READ);
            ((FloatVector) code.convertShape(VectorOperators.B2F, FLOATS, part))
                .mul(scale)
                .intoArray(out, line + c);
          }
        }
      }
    }
  }

  /**
   * Lanes are features. Where a head is whole vectors, all of these stand side by side: a loop over
   * them with a scale each, whose accesses are checked once.
   */
  static void values(
      float[] out, byte[] codes, float[] scales, int count, int size, Scratch scratch) {
    int groups = (size + GROUP - 1) / GROUP;
    if (size % LANES != 0) {
      KeyValueReads.values(out, codes, scales, count, size);
      return;
    }
    int row = size / LANES;
    float[] scale = scratch.floats(Scratch.Use.WIDENED, count * row);
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < row; j++) {
        scale[i * row + j] = scales[i * groups + j * LANES / GROUP];
      }
    }
    int vectors = count * row;
    for (int v = 0; v < vectors; v++) {
      ByteVector code = ByteVector.fromArray(BYTES, codes, v * LANES);
      ((FloatVector) code.convertShape(VectorOperators.B2F, FLOATS, 0))
          .mul(scale[v])
          .intoArray(out, v * LANES);
    }
  }
}
