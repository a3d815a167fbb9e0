package dev.eeve.model;

import java.util.List;

/**
 * One decoder layer, its fields named as the checkpoint names its tensors.
 *
 * @param inputLayernorm the layer's one norm
 * @param qProj queries (C, C)
 * @param kProj keys (key/value heads · D, C)
 * @param vProj values (key/value heads · D, C)
 * @param dense output of the attention (C, C)
 * @param fc1 (F, C)
 * @param fc2 (C, F)
 */
public record PhiLayer(
    NormLayer inputLayernorm,
    LinearLayer qProj,
    LinearLayer kProj,
    LinearLayer vProj,
    LinearLayer dense,
    LinearLayer fc1,
    LinearLayer fc2) {
  /** The layer's matrices, in the order that the fingerprint of a model takes them. */
  List<LinearLayer> linears() {
    return List.of(qProj, kProj, vProj, dense, fc1, fc2);
  }
}
