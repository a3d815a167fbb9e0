package dev.eeve.internal;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/** What memory there is. */
public final class MachineMemory {
  private MachineMemory() {}

  /**
   * The machine's memory, or its container's limit.
   *
   * @return bytes
   */
  public static long bytes() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }
}
