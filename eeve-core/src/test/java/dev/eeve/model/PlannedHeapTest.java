package dev.eeve.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.Mutator;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("alone")
class PlannedHeapTest {
  /** Compilation runs beside the calls; after this much time it must have caught up. */
  private static final long PATIENCE_NANOS = 60_000_000_000L;

  private static long bytes(MemoryPlan plan, String... names) {
    return plan.items().stream()
        .filter(item -> List.of(names).contains(item.name()))
        .mapToLong(MemoryPlan.Item::bytes)
        .sum();
  }

  @Test
  void aWholePromptStaysWithinThePlannedHeap() {
    assertWithinThePlan(new Blocking(128, 64, 640, 4096));
  }

  @Test
  void soDoesOneWhoseProductsGoByStrassen() {
    assertWithinThePlan(new Blocking(128, 64, 640, 4096, 16));
  }

  private static void assertWithinThePlan(Blocking blocking) {
    PhiConfig config = PhiConfigs.small();
    int[] ids = new int[256];
    try (PhiModel model = PhiModel.random(config, ElementType.BF16, 1, 1);
        WorkerPool pool = new WorkerPool(1)) {
      MemoryPlan plan = MemoryPlan.forGeneration(config, model.type(), 256, blocking, 1);
      long least = bytes(plan, "activations", "logits");
      long planned = least + bytes(plan, "scratch");
      long allocated;
      long start = System.nanoTime();
      do { // until compiled, vectors are objects
        long before = Mutator.allocatedBytes();
        try (Session session = new Session(model, pool, blocking, 256)) {
          session.append(ids, 0, 256);
          session.logits();
        }
        allocated = Mutator.allocatedBytes() - before;
      } while (allocated > planned && System.nanoTime() - start < PATIENCE_NANOS);
      assertTrue(allocated <= planned, allocated + " allocated, " + planned + " planned");
      assertTrue(allocated > least, "the kernels' buffers are part of what was counted");
    }
  }
}
