package dev.eeve.kernels;

/** How a weight is stored; arithmetic is always fp32. */
public enum ElementType {
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary16. */
  F16(2),
  /** The upper half of an F32. */
  BF16(2);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * The size of one element.
   *
   * @return 2 or 4 bytes
   */
  public int bytes() {
    return bytes;
  }
}
