package dev.eeve.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vector twins of {@link LayerNorm}'s sums over whole groups of 16; each returns where it ended.
 */
final class VectorLayerNorm {
  private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
  private static final int LANES = FLOATS.length();
  private static final int GROUP = LayerNorm.PARTIAL_SUMS;

  private VectorLayerNorm() {}

  /** Overwrites the partial sums with those of all whole groups. */
  static int sums(float[] sums, float[] in, int at, int count) {
    int end = count / GROUP * GROUP;
    for (int lane = 0; lane < GROUP; lane += LANES) {
      FloatVector sum = FloatVector.zero(FLOATS);
      for (int i = lane; i < end; i += GROUP) {
        sum = sum.add(FloatVector.fromArray(FLOATS, in, at + i));
      }
      sum.intoArray(sums, lane);
    }
    return end;
  }

  /** Overwrites the partial sums with the squared distances of all whole groups. */
  static int squares(float[] sums, float[] in, int at, float mean, int count) {
    int end = count / GROUP * GROUP;
    for (int lane = 0; lane < GROUP; lane += LANES) {
      FloatVector sum = FloatVector.zero(FLOATS);
      for (int i = lane; i < end; i += GROUP) {
        FloatVector d = FloatVector.fromArray(FLOATS, in, at + i).sub(mean);
        sum = d.fma(d, sum);
      }
      sum.intoArray(sums, lane);
    }
    return end;
  }

  /** Overwrites the partial sums with those of the products of all whole groups. */
  static int products(float[] sums, float[] a, float[] b, int count) {
    int end = count / GROUP * GROUP;
    for (int lane = 0; lane < GROUP; lane += LANES) {
      FloatVector sum = FloatVector.zero(FLOATS);
      for (int i = lane; i < end; i += GROUP) {
        sum = FloatVector.fromArray(FLOATS, a, i).fma(FloatVector.fromArray(FLOATS, b, i), sum);
      }
      sum.intoArray(sums, lane);
    }
    return end;
  }
}
