package dev.eeve.kernels;

import jdk.incubator.vector.VectorShape;

/**
 * Which kernels this JVM runs, decided once when the class is loaded.
 *
 * <p>The scalar kernels are the specification; the Vector API kernels give the same bits, faster.
 * They are used when the module {@code jdk.incubator.vector} is present and a compiler that knows
 * it (C2) is on. The system property {@code dev.eeve.simd} overrides the choice: {@code off}, or a
 * vector length of {@code 128}, {@code 256} or {@code 512} bits.
 */
public final class Simd {
  /** The flag that brings the Vector API to an application on the class path. */
  public static final String FLAG = "--add-modules jdk.incubator.vector";

  private static final String PROPERTY = "dev.eeve.simd";

  /** True when the vector kernels run; constant, so the JIT drops the other branch. */
  static final boolean VECTOR;

  private static final int BITS;
  private static final String REASON;

  static {
    String wanted = System.getProperty(PROPERTY, "auto");
    String vm = System.getProperty("java.vm.info", "");
    int bits = 0;
    String reason;
    if (!wanted.matches("auto|off|128|256|512")) {
      throw new ExceptionInInitializerError(
          PROPERTY + ": " + wanted + ", needed auto, off, 128, 256 or 512");
    } else if (wanted.equals("off")) {
      reason = "switched off by -D" + PROPERTY + "=off";
    } else if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      reason = "the module jdk.incubator.vector is missing; start java with " + FLAG;
    } else if (!wanted.equals("auto")) {
      bits = Integer.parseInt(wanted);
      reason = "chosen by -D" + PROPERTY + "=" + wanted;
    } else if (vm.contains("interpreted")) {
      reason = "java runs with -Xint; remove it to let the JIT compile vectors";
    } else if (vm.contains("emulated-client")) {
      reason = "java runs without C2; remove -XX:TieredStopAtLevel to let it compile vectors";
    } else {
      bits = Platform.preferredBits();
      reason =
          bits == 0
              ? "this processor offers no vectors of 128 bits or more"
              : "the widest this processor prefers";
    }
    BITS = bits;
    VECTOR = bits != 0;
    REASON = reason;
  }

  private Simd() {}

  /**
   * Whether the Vector API kernels run.
   *
   * @return true for the Vector API kernels, false for the scalar ones
   */
  public static boolean enabled() {
    return VECTOR;
  }

  /**
   * The vector length in bits.
   *
   * @return 128, 256 or 512; 0 for the scalar kernels
   */
  public static int bits() {
    return BITS;
  }

  /**
   * One sentence for users: which kernels run and why, with the flag that changes it.
   *
   * @return for example {@code Vector API kernels, 256 bits: the widest this processor prefers}
   */
  public static String describe() {
    return (VECTOR ? "Vector API kernels, " + BITS + " bits: " : "scalar kernels: ") + REASON;
  }

  /** Apart, so that the vector module is touched only once it is known to be there. */
  private static final class Platform {
    /** The platform's own choice, or 0 when it has no vectors of at least 128 bits. */
    static int preferredBits() {
      int bits = VectorShape.preferredShape().vectorBitSize();
      return bits < 128 ? 0 : Math.min(512, bits);
    }
  }
}
