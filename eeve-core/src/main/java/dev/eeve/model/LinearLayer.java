package dev.eeve.model;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Weights;

/**
 * A linear layer, {@code out = in · Wᵀ + b}.
 *
 * @param weight (N, K)
 * @param bias (N)
 */
public record LinearLayer(Weights weight, float[] bias) {
  /** This layer as one product of a call. */
  Linear.Product product(FloatMatrix out, FloatMatrix in) {
    return new Linear.Product(out, in, weight, bias);
  }
}
