package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Keys and values of one layer, off-heap, as F32, F16, BF16 or Q8_0. Keys stand in blocks of 16
 * positions with the positions side by side, so that a lane of a vector is a key; values stand in
 * rows. Q8_0 keeps a byte an element, and apart from these an fp16 scale for each 32 features of a
 * head's key or value, or fewer at the head's end: code times scale then is exact in fp32.
 *
 * <p>Elements are rounded when they are stored and read back the same ever after, so it makes no
 * difference whether a prompt's own block or a later step reads them.
 */
public final class KeyValueRows {
  /** Positions that stand side by side. */
  public static final int KEY_BLOCK = 16;

  /** Features that share a scale. */
  static final int GROUP = 32;

  /** From this many rows on, threads share the work. */
  private static final int SHARED_FROM = 8;

  private static final List<ElementType> TYPES =
      List.of(ElementType.F32, ElementType.F16, ElementType.BF16, ElementType.Q8_0);

  static final ValueLayout.OfFloat FLOAT = JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfShort SHORT = JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT_UNALIGNED = FLOAT.withByteAlignment(1);
  private static final ValueLayout.OfShort SHORT_UNALIGNED = SHORT.withByteAlignment(1);

  /** Elements, or codes. */
  final MemorySegment keys;

  final MemorySegment values;

  /** Scales, as keys and values lie; empty but for Q8_0. */
  final MemorySegment keyScales;

  final MemorySegment valueScales;
  final ElementType type;
  final int heads;
  final int headSize;

  /** Scales of a key or value. */
  final int groups;

  private final int capacity;

  private KeyValueRows(Arena arena, ElementType type, int heads, int headSize, int capacity) {
    this.type = type;
    this.heads = heads;
    this.headSize = headSize;
    this.capacity = capacity;
    this.groups = groups(type, headSize);
    long rows = (long) heads * padded(capacity);
    keys = arena.allocate(rows * headSize * elementBytes(type), 64);
    values = arena.allocate(rows * headSize * elementBytes(type), 64);
    keyScales = arena.allocate(rows * groups * Short.BYTES, 64);
    valueScales = arena.allocate(rows * groups * Short.BYTES, 64);
  }

  /**
   * Takes memory for {@code capacity} positions.
   *
   * @param arena owner of the memory
   * @param type F32, F16, BF16 or Q8_0
   * @param heads key/value heads
   * @param headSize D
   * @param capacity positions
   * @return rows that hold nothing yet
   */
  public static KeyValueRows allocate(
      Arena arena, ElementType type, int heads, int headSize, int capacity) {
    byteSize(type, heads, headSize, capacity);
    return new KeyValueRows(arena, type, heads, headSize, capacity);
  }

  /**
   * Bytes {@link #allocate} takes.
   *
   * @param type F32, F16, BF16 or Q8_0
   * @param heads key/value heads
   * @param headSize D
   * @param capacity positions
   * @return bytes of keys and values together
   */
  public static long byteSize(ElementType type, int heads, int headSize, int capacity) {
    if (heads < 1 || headSize < 1 || capacity < 1) {
      throw new IllegalArgumentException(
          "key/value rows: %d heads of %d for %d positions, needed at least 1 of each"
              .formatted(heads, headSize, capacity));
    }
    return padded(capacity) * positionBytes(type, heads, headSize);
  }

  /**
   * What a position takes, which is what a step reads of it.
   *
   * @param type F32, F16, BF16 or Q8_0
   * @param heads key/value heads
   * @param headSize D
   * @return bytes of its key and value in all heads
   */
  public static long positionBytes(ElementType type, int heads, int headSize) {
    requireType(type);
    return 2L * heads * (headSize * elementBytes(type) + groups(type, headSize) * Short.BYTES);
  }

  /**
   * Refuses what keys and values are not kept as.
   *
   * @param type how to keep them
   * @throws IllegalArgumentException unless it is F32, F16, BF16 or Q8_0
   */
  public static void requireType(ElementType type) {
    if (!TYPES.contains(type)) {
      throw new IllegalArgumentException("cacheType: " + type + ", needed one of " + TYPES);
    }
  }

  private static long elementBytes(ElementType type) {
    return switch (type) {
      case F32 -> 4;
      case F16, BF16 -> 2;
      default -> 1;
    };
  }

  private static int groups(ElementType type, int headSize) {
    return type.isBlocks() ? (headSize + GROUP - 1) / GROUP : 0;
  }

  private static int padded(int capacity) {
    return (capacity - 1) / KEY_BLOCK * KEY_BLOCK + KEY_BLOCK;
  }

  /**
   * Memory held.
   *
   * @return bytes of keys and values together
   */
  public long byteSize() {
    return keys.byteSize() + values.byteSize() + keyScales.byteSize() + valueScales.byteSize();
  }

  /**
   * Positions that fit.
   *
   * @return the capacity
   */
  public int capacity() {
    return capacity;
  }

  /** Index of feature or scale 0, of {@code width}, of the key at {@code position}. */
  long key(int head, int position, int width) {
    return row(head, position / KEY_BLOCK * KEY_BLOCK) * width + position % KEY_BLOCK;
  }

  /** Index of a position's row among those of all heads. */
  long row(int head, int position) {
    return (long) head * padded(capacity) + position;
  }

  /**
   * Stores keys (already rotated) and values of consecutive positions.
   *
   * @param workers the caller's threads
   * @param k keys (R, heads · D), read
   * @param v values (R, heads · D), read
   * @param firstPosition position of row 0
   */
  public void put(Workers workers, FloatMatrix k, FloatMatrix v, int firstPosition) {
    k.require("k", k.rows(), heads * headSize);
    v.require("v", k.rows(), heads * headSize);
    if (firstPosition < 0 || firstPosition + k.rows() > capacity) {
      throw new IllegalArgumentException(
          "position: %d rows from %d, the cache holds %d"
              .formatted(k.rows(), firstPosition, capacity));
    }
    KeyValueJob job = workers.keyValueJob;
    job.cache = this;
    job.k = k;
    job.v = v;
    job.firstPosition = firstPosition;
    if (k.rows() >= SHARED_FROM) {
      workers.run(job, heads);
      return;
    }
    for (int head = 0; head < heads; head++) {
      job.run(head, workers.scratch);
    }
  }

  /** What is stored apart; the scales only for Q8_0. */
  public enum Plane {
    /** Keys, in blocks of 16 positions with the positions innermost. */
    KEYS,
    /** Values, position by position. */
    VALUES,
    /** The keys' fp16 scales, in such blocks. */
    KEY_SCALES,
    /** The values' fp16 scales, position by position. */
    VALUE_SCALES
  }

  /**
   * How the elements of a plane are stored.
   *
   * @param plane of this
   * @return bytes of one: 4 for F32; 2 for F16, BF16 and scales; 1 for codes
   */
  public int elementBytes(Plane plane) {
    return isScales(plane) ? Short.BYTES : (int) elementBytes(type);
  }

  /**
   * Elements of a position in one head.
   *
   * @param plane of this
   * @return the head's size, or its scales
   */
  public int width(Plane plane) {
    return isScales(plane) ? groups : headSize;
  }

  /**
   * Copies what one head holds of the first positions.
   *
   * @param plane of this
   * @param head 0 to heads − 1
   * @param out as many bytes as whole blocks of 16 positions take, overwritten; zero for keys and
   *     values past the last position
   * @param positions how many count
   */
  public void read(Plane plane, int head, MemorySegment out, int positions) {
    int bytes = width(plane) * elementBytes(plane);
    MemorySegment.copy(memory(plane), row(head, 0) * bytes, out, 0, out.byteSize());
    boolean isKeys = plane == Plane.KEYS || plane == Plane.KEY_SCALES;
    if (!isKeys) {
      out.asSlice((long) positions * bytes).fill((byte) 0);
      return;
    }
    int used = positions % KEY_BLOCK;
    if (used > 0) {
      int lane = elementBytes(plane);
      long block = (long) positions / KEY_BLOCK * KEY_BLOCK * bytes;
      for (long at = block; at < out.byteSize(); at += (long) KEY_BLOCK * lane) {
        out.asSlice(at + (long) used * lane, (long) (KEY_BLOCK - used) * lane).fill((byte) 0);
      }
    }
  }

  /**
   * Takes what {@link #read} gave.
   *
   * @param plane of this
   * @param head 0 to heads − 1
   * @param in whole blocks of 16 positions, at most the capacity's
   * @return index of an element that is NaN or infinite, or −1; nothing is stored if there is one
   */
  public long write(Plane plane, int head, MemorySegment in) {
    long bad = firstNotFinite(plane, in);
    if (bad < 0) {
      long bytes = (long) width(plane) * elementBytes(plane);
      MemorySegment.copy(in, 0, memory(plane), row(head, 0) * bytes, in.byteSize());
    }
    return bad;
  }

  private long firstNotFinite(Plane plane, MemorySegment in) {
    int bytes = elementBytes(plane);
    boolean halves = isScales(plane) || type == ElementType.F16;
    long count = bytes == 1 ? 0 : in.byteSize() / bytes;
    for (long i = 0; i < count; i++) {
      boolean finite =
          bytes == Float.BYTES
              ? Float.isFinite(in.get(FLOAT_UNALIGNED, i * Float.BYTES))
              : halves
                  ? (in.get(SHORT_UNALIGNED, i * Short.BYTES) & 0x7C00) != 0x7C00
                  : (in.get(SHORT_UNALIGNED, i * Short.BYTES) & 0x7F80) != 0x7F80;
      if (!finite) {
        return i;
      }
    }
    return -1;
  }

  private static boolean isScales(Plane plane) {
    return plane == Plane.KEY_SCALES || plane == Plane.VALUE_SCALES;
  }

  private MemorySegment memory(Plane plane) {
    return switch (plane) {
      case KEYS -> keys;
      case VALUES -> values;
      case KEY_SCALES -> keyScales;
      case VALUE_SCALES -> valueScales;
    };
  }

  /**
   * What this stores apart.
   *
   * @return two planes, or four for Q8_0
   */
  public List<Plane> planes() {
    return groups > 0 ? List.of(Plane.values()) : List.of(Plane.KEYS, Plane.VALUES);
  }

  /**
   * How keys and values are kept.
   *
   * @return F32, F16, BF16 or Q8_0
   */
  public ElementType type() {
    return type;
  }

  /**
   * Key/value heads.
   *
   * @return their number
   */
  public int heads() {
    return heads;
  }
}
