package dev.eeve.model;

import dev.eeve.kernels.CausalAttention;
import dev.eeve.kernels.Embedding;
import dev.eeve.kernels.Gelu;
import dev.eeve.kernels.LayerNorm;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Residual;
import dev.eeve.kernels.Workers;

/** Phi's forward pass: the parallel-residual decoder of transformers' modeling_phi. */
final class PhiForward {
  private PhiForward() {}

  /**
   * Runs consecutive tokens through every layer. Afterwards {@code s.h} holds their residual stream
   * before the final norm, and the cache their keys and values.
   *
   * @param ids R token ids from {@code idsOffset}
   * @param firstPosition position of the first
   * @param prompt whether products may go by {@link Linear#forwardByStrassen}: of a prompt's block,
   *     never of single steps or of drafts that are verified
   */
  static void forward(
      Workers workers,
      PhiModel model,
      Activations s,
      KeyValueCache cache,
      int[] ids,
      int idsOffset,
      int firstPosition,
      boolean prompt) {
    float epsilon = (float) model.config().layerNormEps();
    Embedding.forward(s.h, ids, idsOffset, s.embedTokens);
    for (int i = 0; i < model.layers().size(); i++) {
      NormLayer norm = model.layers().get(i).inputLayernorm();
      LayerNorm.forward(workers, s.x, s.mean, s.rstd, s.h, norm.weight(), norm.bias(), epsilon);
      linear(workers, s.inward[i], prompt);
      s.updates.inward(workers, i);
      model.rotary().forward(s.q, firstPosition);
      model.rotary().forward(s.k, firstPosition);
      cache.layer(i).put(workers, s.k, s.v, firstPosition);
      CausalAttention.forward(workers, s.a, s.q, cache.layer(i), firstPosition);
      Gelu.forward(workers, s.f, s.f);
      linear(workers, s.outward[i], prompt);
      s.updates.outward(workers, i);
      Residual.add(workers, s.h, s.o, s.m);
    }
    NormLayer norm = model.finalLayernorm();
    LayerNorm.forward(workers, s.x, s.mean, s.rstd, s.h, norm.weight(), norm.bias(), epsilon);
  }

  private static void linear(Workers workers, Linear.Product[] products, boolean prompt) {
    if (prompt) {
      Linear.forwardByStrassen(workers, products);
    } else {
      Linear.forward(workers, products);
    }
  }
}
