/**
 * SIMD tensor kernels for transformers, in pure Java.
 *
 * <p>Math on arrays and off-heap weights; knows no model, file or token.
 */
module dev.eeve.kernels {
  requires jdk.incubator.vector;

  exports dev.eeve.kernels;
}
