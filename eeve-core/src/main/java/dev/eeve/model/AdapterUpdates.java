package dev.eeve.model;

import dev.eeve.adapter.LoraAdapter;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.LowRank;
import dev.eeve.kernels.Workers;
import java.util.ArrayList;
import java.util.List;

/** The updates of a context's adapters, bound to its activations; no work where there are none. */
final class AdapterUpdates {
  private static final LowRank.Group[] NONE = {};

  /** Per layer: beside q, k, v and fc1; null where no adapter has one. */
  private final LowRank.Group[] inward;

  /** Per layer: beside dense and fc2. */
  private final LowRank.Group[] outward;

  /** Inner and outer values of one group: layers use them in turn. */
  private float[] room = {};

  AdapterUpdates(List<LoraAdapter> adapters, Activations s, int layers) {
    if (adapters.isEmpty()) {
      inward = NONE;
      outward = NONE;
      return;
    }
    inward = new LowRank.Group[layers];
    outward = new LowRank.Group[layers];
    for (boolean measures : new boolean[] {true, false}) {
      for (int i = 0; i < layers; i++) {
        Binding in = new Binding(adapters, "model.layers." + i + ".", s.rows());
        in.add("self_attn.q_proj", s.q, s.x);
        in.add("self_attn.k_proj", s.k, s.x);
        in.add("self_attn.v_proj", s.v, s.x);
        in.add("mlp.fc1", s.f, s.x);
        Binding out = new Binding(adapters, "model.layers." + i + ".", s.rows());
        out.add("self_attn.dense", s.o, s.a);
        out.add("mlp.fc2", s.m, s.f);
        if (measures) {
          int size = Math.max(in.size, out.size);
          room = room.length >= size ? room : new float[size];
        } else {
          inward[i] = in.group(room);
          outward[i] = out.group(room);
        }
      }
    }
  }

  void inward(Workers workers, int layer) {
    forward(workers, inward, layer);
  }

  void outward(Workers workers, int layer) {
    forward(workers, outward, layer);
  }

  private static void forward(Workers workers, LowRank.Group[] groups, int layer) {
    if (groups.length > 0 && groups[layer] != null) {
      LowRank.forward(workers, groups[layer]);
    }
  }

  /** Updates of one group: a layer's first, of every adapter in order, then the next layer's. */
  private static final class Binding {
    private record One(LowRank weights, FloatMatrix out, FloatMatrix in) {}

    private final List<LoraAdapter> adapters;
    private final String layer;
    private final int rows;
    private final List<One> all = new ArrayList<>();
    private int size;

    Binding(List<LoraAdapter> adapters, String layer, int rows) {
      this.adapters = adapters;
      this.layer = layer;
      this.rows = rows;
    }

    void add(String module, FloatMatrix out, FloatMatrix in) {
      for (LoraAdapter adapter : adapters) {
        adapter
            .update(layer + module)
            .ifPresent(
                weights -> {
                  all.add(new One(weights, out, in));
                  size = Math.addExact(size, rows * (weights.rank() + out.columns()));
                });
      }
    }

    LowRank.Group group(float[] room) {
      if (all.isEmpty()) {
        return null;
      }
      List<LowRank.Update> updates = new ArrayList<>();
      int at = 0;
      for (One one : all) {
        FloatMatrix inner = new FloatMatrix(room, at, rows, one.weights.rank());
        at += rows * inner.columns();
        FloatMatrix outer = new FloatMatrix(room, at, rows, one.out.columns());
        at += rows * outer.columns();
        updates.add(new LowRank.Update(one.weights, one.out, one.in, inner, outer));
      }
      return new LowRank.Group(updates.toArray(LowRank.Update[]::new));
    }
  }
}
