package dev.eeve.checkpoint;

/** Types of GGUF's metadata; the ordinal is the number in the file. */
public enum GgufType {
  /** Unsigned 8-bit integer. */
  UINT8(1),
  /** Signed 8-bit integer. */
  INT8(1),
  /** Unsigned 16-bit integer. */
  UINT16(2),
  /** Signed 16-bit integer. */
  INT16(2),
  /** Unsigned 32-bit integer. */
  UINT32(4),
  /** Signed 32-bit integer. */
  INT32(4),
  /** IEEE single precision. */
  FLOAT32(4),
  /** One byte, 0 or 1. */
  BOOL(1),
  /** Length in 64 bits, then UTF-8. */
  STRING(8),
  /** Type in 32 bits, count in 64, then the elements. */
  ARRAY(12),
  /** Unsigned 64-bit integer. */
  UINT64(8),
  /** Signed 64-bit integer. */
  INT64(8),
  /** IEEE double precision. */
  FLOAT64(8);

  private final int bytes;

  GgufType(int bytes) {
    this.bytes = bytes;
  }

  /** The least a value takes. */
  int bytes() {
    return bytes;
  }
}
