package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("brief")
class MachineLimitsTest {
  @Test
  void bothLimitsAreMeasured() {
    try (WorkerPool pool = new WorkerPool(2)) {
      double flops = MachineLimits.fmaFlopsPerSecond(pool);
      double bytes = MachineLimits.readBytesPerSecond(pool, 4 << 20);
      assertTrue(flops > 1e6 && Double.isFinite(flops), flops + " operations a second");
      assertTrue(bytes > 1e6 && Double.isFinite(bytes), bytes + " bytes a second");
      Refusal.of(
          "bytes: 1000, needed at least 1048576",
          () -> MachineLimits.readBytesPerSecond(pool, 1000));
    }
  }

  @Test
  void theHigherOfEachLimitIsKept() {
    MachineLimits higher = new MachineLimits(3, 1).max(new MachineLimits(2, 5));
    assertEquals(new MachineLimits(3, 5), higher);
  }
}
