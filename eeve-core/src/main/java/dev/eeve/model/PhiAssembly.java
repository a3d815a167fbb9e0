package dev.eeve.model;

import dev.eeve.checkpoint.PhiDimensions;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;

/** Takes memory for every tensor of a model and fills it on several threads. */
final class PhiAssembly {
  /** Where a model's values come from. */
  interface Source {
    /** Independent pieces of work that together fill a matrix. */
    List<FillTask> fill(String name, Weights weights);

    /** A bias or a norm's parameter. */
    float[] vector(String name, int size) throws IOException;
  }

  private PhiAssembly() {}

  static PhiModel assemble(PhiConfig config, KeptTypes types, Source source, int threads)
      throws IOException {
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      Map<String, Weights> matrices = new LinkedHashMap<>();
      Map<String, float[]> vectors = new LinkedHashMap<>();
      fillAll(config.dimensions(), types, source, arena, matrices, vectors, threads);
      PhiModel model = build(config, types, matrices, vectors, arena);
      done = true;
      return model;
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  private static void fillAll(
      PhiDimensions dimensions,
      KeptTypes types,
      Source source,
      Arena arena,
      Map<String, Weights> matrices,
      Map<String, float[]> vectors,
      int threads)
      throws IOException {
    List<FillTask> takes = new ArrayList<>(); // taking memory writes zeros to all of it
    for (Map.Entry<String, List<Long>> entry : dimensions.shapes().entrySet()) {
      String name = entry.getKey();
      List<Long> shape = entry.getValue();
      int rows = Math.toIntExact(shape.get(0));
      if (shape.size() == 1) {
        vectors.put(name, source.vector(name, rows));
      } else {
        matrices.put(name, null); // keeps the order
        int columns = Math.toIntExact(shape.get(1));
        ElementType type = types.matrices().get(name);
        takes.add(
            () -> {
              Weights weights = Weights.allocate(arena, type, rows, columns);
              synchronized (matrices) {
                matrices.put(name, weights);
              }
            });
      }
    }
    runAll(takes, threads);
    List<FillTask> fills = new ArrayList<>();
    matrices.forEach((name, weights) -> fills.addAll(source.fill(name, weights)));
    runAll(fills, threads);
  }

  /** Runs tasks in order of their start on several threads; throws what failed first. */
  private static void runAll(List<FillTask> tasks, int threads) throws IOException {
    Queue<FillTask> queue = new ConcurrentLinkedQueue<>(tasks);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Runnable work =
        () -> {
          for (FillTask task; failure.get() == null && (task = queue.poll()) != null; ) {
            try {
              task.run();
            } catch (Throwable e) { // thrown again below, on the caller's thread
              failure.compareAndSet(null, e);
            }
          }
        };
    List<Thread> helpers = new ArrayList<>();
    for (int i = 1; i < Math.min(threads, tasks.size()); i++) {
      helpers.add(Thread.ofPlatform().daemon().name("eeve-loader-" + i).start(work));
    }
    work.run();
    boolean interrupted = false;
    for (Thread helper : helpers) {
      while (helper.isAlive()) {
        try {
          helper.join();
        } catch (InterruptedException e) { // memory is in use until they end; keep the flag
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    switch (failure.get()) {
      case null -> {}
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }

  private static PhiModel build(
      PhiConfig config,
      KeptTypes types,
      Map<String, Weights> matrices,
      Map<String, float[]> vectors,
      Arena arena) {
    List<PhiLayer> layers = new ArrayList<>();
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      String layer = "model.layers." + i + ".";
      layers.add(
          new PhiLayer(
              norm(vectors, layer + "input_layernorm"),
              linear(matrices, vectors, layer + "self_attn.q_proj"),
              linear(matrices, vectors, layer + "self_attn.k_proj"),
              linear(matrices, vectors, layer + "self_attn.v_proj"),
              linear(matrices, vectors, layer + "self_attn.dense"),
              linear(matrices, vectors, layer + "mlp.fc1"),
              linear(matrices, vectors, layer + "mlp.fc2")));
    }
    return new PhiModel(
        config,
        types,
        matrices.get("model.embed_tokens.weight"),
        layers,
        norm(vectors, "model.final_layernorm"),
        linear(matrices, vectors, "lm_head"),
        arena);
  }

  private static NormLayer norm(Map<String, float[]> vectors, String name) {
    return new NormLayer(vectors.get(name + ".weight"), vectors.get(name + ".bias"));
  }

  private static LinearLayer linear(
      Map<String, Weights> matrices, Map<String, float[]> vectors, String name) {
    return new LinearLayer(matrices.get(name + ".weight"), vectors.get(name + ".bias"));
  }
}
