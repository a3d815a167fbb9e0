package dev.eeve.kernels;

/**
 * ggml's block formats: a row is cut into blocks of equal length, each with scales of its own. Rows
 * are never joined, so their length is a multiple of the block's.
 *
 * <p>Source: {@code ggml-common.h} of llama.cpp, whose layouts these are byte for byte.
 */
public enum BlockFormat {
  /** 32 signed bytes after one fp16 scale. */
  Q8_0(32, 34),
  /** 32 nibbles, less 8, after one fp16 scale; low nibbles hold the first 16 elements. */
  Q4_0(32, 18),
  /** 256 nibbles: two fp16 scales, then 6-bit scales and minima of 8 parts, then the nibbles. */
  Q4_K(256, 144),
  /** As {@link #Q4_K}, with a plane of fifth bits before the nibbles. */
  Q5_K(256, 176),
  /** 256 six-bit numbers, less 32, in two planes; 16 signed byte scales and one fp16 scale. */
  Q6_K(256, 210);

  private final int elements;
  private final int bytes;

  BlockFormat(int elements, int bytes) {
    this.elements = elements;
    this.bytes = bytes;
  }

  /**
   * The length of a block.
   *
   * @return in elements
   */
  public int elements() {
    return elements;
  }

  /**
   * The size of a block.
   *
   * @return in bytes
   */
  public int bytes() {
    return bytes;
  }

  /**
   * The size of a row.
   *
   * @param columns its elements
   * @return in bytes
   * @throws IllegalArgumentException where they are not whole blocks
   * @throws ArithmeticException beyond a long
   */
  public long byteSize(long columns) {
    if (columns % elements != 0) {
      throw new IllegalArgumentException(
          this + " rows of " + columns + " elements, needed a multiple of " + elements);
    }
    return Math.multiplyExact(columns / elements, (long) bytes);
  }

  /** Refuses a length that is not whole blocks; gives their number. */
  int blocks(int count) {
    if (count < 0 || count % elements != 0) {
      throw new IllegalArgumentException(
          "count: %d elements, needed a multiple of the %d of a %s block"
              .formatted(count, elements, this));
    }
    return count / elements;
  }
}
