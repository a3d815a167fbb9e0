package dev.eeve.checkpoint;

import dev.eeve.kernels.BlockFormat;
import dev.eeve.kernels.ElementType;
import java.util.Optional;

/**
 * Element types of files: those of the safetensors format with whole bytes, in the order of the
 * reference library, which lays out a file by it, and the block formats of GGUF.
 */
public enum DType {
  /** One byte, 0 or 1. */
  BOOL(1),
  /** Unsigned 8-bit integer. */
  U8(1),
  /** Signed 8-bit integer. */
  I8(1),
  /** 8-bit float, 5 exponent bits. */
  F8_E5M2(1),
  /** 8-bit float, 4 exponent bits. */
  F8_E4M3(1),
  /** 8-bit power of two. */
  F8_E8M0(1),
  /** Signed 16-bit integer. */
  I16(2),
  /** Unsigned 16-bit integer. */
  U16(2),
  /** IEEE half precision. */
  F16(2),
  /** The upper half of an F32. */
  BF16(2),
  /** Signed 32-bit integer. */
  I32(4),
  /** Unsigned 32-bit integer. */
  U32(4),
  /** IEEE single precision. */
  F32(4),
  /** Two F32. */
  C64(8),
  /** IEEE double precision. */
  F64(8),
  /** Signed 64-bit integer. */
  I64(8),
  /** Unsigned 64-bit integer. */
  U64(8),
  /** GGUF: 8-bit blocks of 32. */
  Q8_0(BlockFormat.Q8_0),
  /** GGUF: 4-bit blocks of 32. */
  Q4_0(BlockFormat.Q4_0),
  /** GGUF: 4-bit blocks of 256. */
  Q4_K(BlockFormat.Q4_K),
  /** GGUF: 5-bit blocks of 256. */
  Q5_K(BlockFormat.Q5_K),
  /** GGUF: 6-bit blocks of 256. */
  Q6_K(BlockFormat.Q6_K);

  private final int bytes;
  private final int elements;
  private final BlockFormat blocks;

  DType(int bytes) {
    this.bytes = bytes;
    this.elements = 1;
    this.blocks = null;
  }

  DType(BlockFormat blocks) {
    this.bytes = blocks.bytes();
    this.elements = blocks.elements();
    this.blocks = blocks;
  }

  /**
   * The size of an element, or of a whole block in the block formats.
   *
   * @return in bytes
   */
  public int bytes() {
    return bytes;
  }

  /**
   * The elements that {@link #bytes()} hold.
   *
   * @return 1, or the length of a block
   */
  public int elements() {
    return elements;
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
    return blocks == null ? Math.multiplyExact(columns, (long) bytes) : blocks.byteSize(columns);
  }

  /**
   * How blocks are laid out.
   *
   * @return empty for types that store element by element
   */
  public Optional<BlockFormat> blocks() {
    return Optional.ofNullable(blocks);
  }

  /**
   * Whether a model's weights may have this type outside GGUF.
   *
   * @return true for F32, F16 and BF16
   */
  public boolean isWeight() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * How weights of this type are kept in memory where nobody chooses.
   *
   * @return the same type; F16 for the block formats of 256, whose own rounding is far above its
   * @throws IllegalArgumentException for a type that is not a weight's
   */
  public ElementType kept() {
    return switch (this) {
      case F32 -> ElementType.F32;
      case F16, Q4_K, Q5_K, Q6_K -> ElementType.F16;
      case Q8_0 -> ElementType.Q8_0;
      case Q4_0 -> ElementType.Q4_0;
      case BF16 -> ElementType.BF16;
      default -> throw new IllegalArgumentException("dtype: " + this + " is not a weight's");
    };
  }

  /** A type of the safetensors format by its name there. */
  static Optional<DType> named(String name) {
    for (DType type : values()) {
      if (type.blocks == null && type.name().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
