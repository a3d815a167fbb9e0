package dev.eeve.kernels;

import java.util.Optional;

/** How a weight is stored; sums are always fp32. */
public enum ElementType {
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary16. */
  F16(2),
  /** The upper half of an F32. */
  BF16(2),
  /** Signed bytes, 32 of a row with one fp16 scale. */
  Q8_0(BlockFormat.Q8_0),
  /** 4-bit numbers, 32 of a row with one fp16 scale. */
  Q4_0(BlockFormat.Q4_0);

  private final int bytes;
  private final BlockFormat blocks;

  ElementType(int bytes) {
    this.bytes = bytes;
    this.blocks = null;
  }

  ElementType(BlockFormat blocks) {
    this.bytes = blocks.bytes();
    this.blocks = blocks;
  }

  /**
   * The size of a row in row-major order, as a file has it.
   *
   * @param columns its elements
   * @return in bytes
   * @throws IllegalArgumentException where they are not whole blocks
   */
  public long byteSize(long columns) {
    return blocks == null ? Math.multiplyExact(columns, (long) bytes) : blocks.byteSize(columns);
  }

  /**
   * The block format of rows in row-major order.
   *
   * @return empty where each element stands alone
   */
  public Optional<BlockFormat> blocks() {
    return Optional.ofNullable(blocks);
  }

  /** Whether elements share scales. */
  boolean isBlocks() {
    return blocks != null;
  }

  /**
   * How a matrix is kept where this type is wanted.
   *
   * @param columns the length of its rows
   * @return this type, or F16 where the rows are not whole blocks
   */
  public ElementType forColumns(int columns) {
    return blocks == null || columns % blocks.elements() == 0 ? this : F16;
  }
}
