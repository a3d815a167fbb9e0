package dev.eeve.kernels;

/** {@code out[r] = weight[ids[r]]}. */
public final class Embedding {
  private Embedding() {}

  /**
   * Looks rows up.
   *
   * @param out (R, C), overwritten
   * @param ids R ids from {@code idsOffset}, each within the weight's rows
   * @param idsOffset index of the first id
   * @param weight (V, C), read
   */
  public static void forward(FloatMatrix out, int[] ids, int idsOffset, Weights weight) {
    out.require("out", out.rows(), weight.columns());
    for (int r = 0; r < out.rows(); r++) {
      int id = ids[idsOffset + r];
      if (id < 0 || id >= weight.rows()) {
        throw new IllegalArgumentException(
            "ids: %d at %d, needed 0 to %d".formatted(id, idsOffset + r, weight.rows() - 1));
      }
      weight.row(id, out.data(), out.index(r));
    }
  }
}
