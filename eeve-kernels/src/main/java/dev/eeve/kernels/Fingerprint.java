package dev.eeve.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * XXH64 (Collet, the published specification) of bytes in pieces: tells contents apart, at the rate
 * of reading memory. A change by accident is missed once in 2^64; it is no defence against someone
 * who looks for two contents of one value.
 */
public final class Fingerprint {
  /** A matrix is cut into pieces of this many bytes, which threads share. */
  private static final long PIECE = 4L << 20;

  private static final int STRIPE = 32;

  /** Stripes that go through an array at once: its accesses are fast whatever holds the bytes. */
  private static final int STRIPES = 512;

  private static final long PRIME_1 = 0x9E3779B185EBCA87L;
  private static final long PRIME_2 = 0xC2B2AE3D27D4EB4FL;
  private static final long PRIME_3 = 0x165667B19E3779F9L;
  private static final long PRIME_4 = 0x85EBCA77C2B2AE63L;
  private static final long PRIME_5 = 0x27D4EB2F165667C5L;

  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final long[] lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1};

  private final long[] room = new long[STRIPES * STRIPE / Long.BYTES];

  /** Bytes that do not fill a stripe yet. */
  private final MemorySegment rest = MemorySegment.ofArray(new byte[STRIPE]);

  private long length;

  /** Of no bytes yet. */
  public Fingerprint() {}

  /**
   * Appends bytes.
   *
   * @param bytes of any length, read
   * @return this
   */
  public Fingerprint add(MemorySegment bytes) {
    long at = 0;
    int held = (int) (length % STRIPE);
    length += bytes.byteSize();
    if (held > 0) {
      at = Math.min(STRIPE - held, bytes.byteSize());
      MemorySegment.copy(bytes, 0, rest, held, at);
      if (held + at < STRIPE) {
        return this;
      }
      MemorySegment.copy(rest, LONG, 0, room, 0, STRIPE / Long.BYTES);
      addRoom(1);
    }
    while (bytes.byteSize() - at >= STRIPE) {
      int stripes = (int) Math.min(STRIPES, (bytes.byteSize() - at) / STRIPE);
      MemorySegment.copy(bytes, LONG, at, room, 0, stripes * (STRIPE / Long.BYTES));
      addRoom(stripes);
      at += (long) stripes * STRIPE;
    }
    MemorySegment.copy(bytes, at, rest, 0, bytes.byteSize() - at);
    return this;
  }

  /**
   * Appends floats by their bits.
   *
   * @param values read
   * @return this
   */
  public Fingerprint add(float[] values) {
    return add(MemorySegment.ofArray(values));
  }

  /**
   * Appends a text by its UTF-16 code units and its length, so that two texts are not one.
   *
   * @param text any
   * @return this
   */
  public Fingerprint add(String text) {
    return add(MemorySegment.ofArray(new int[] {text.length()}))
        .add(MemorySegment.ofArray(text.toCharArray()));
  }

  /**
   * Appends a matrix: its type, shape and all of its memory.
   *
   * @param workers the caller's threads, which share the work
   * @param weights read
   * @return this
   */
  public Fingerprint add(Workers workers, Weights weights) {
    MemorySegment memory = weights.memory;
    long[] pieces = new long[Math.toIntExact((memory.byteSize() + PIECE - 1) / PIECE)];
    workers.run(
        new Job() {
          @Override
          void run(int unit, Scratch scratch) {
            long from = unit * PIECE;
            long size = Math.min(PIECE, memory.byteSize() - from);
            pieces[unit] = new Fingerprint().add(memory.asSlice(from, size)).value();
          }
        },
        pieces.length);
    add(weights.type() + " " + weights.rows() + " " + weights.columns());
    return add(MemorySegment.ofArray(pieces));
  }

  /**
   * Of all bytes so far.
   *
   * @return XXH64 with seed 0
   */
  public long value() {
    long hash;
    if (length < STRIPE) {
      hash = PRIME_5;
    } else {
      hash =
          Long.rotateLeft(lanes[0], 1)
              + Long.rotateLeft(lanes[1], 7)
              + Long.rotateLeft(lanes[2], 12)
              + Long.rotateLeft(lanes[3], 18);
      for (long lane : lanes) {
        hash = (hash ^ round(0, lane)) * PRIME_1 + PRIME_4;
      }
    }
    hash += length;
    int held = (int) (length % STRIPE);
    int at = 0;
    for (; at + Long.BYTES <= held; at += Long.BYTES) {
      hash = Long.rotateLeft(hash ^ round(0, rest.get(LONG, at)), 27) * PRIME_1 + PRIME_4;
    }
    for (; at + Integer.BYTES <= held; at += Integer.BYTES) {
      hash ^= (rest.get(INT, at) & 0xFFFFFFFFL) * PRIME_1;
      hash = Long.rotateLeft(hash, 23) * PRIME_2 + PRIME_3;
    }
    for (; at < held; at++) {
      hash = Long.rotateLeft(hash ^ (rest.get(JAVA_BYTE, at) & 0xFF) * PRIME_5, 11) * PRIME_1;
    }
    hash = (hash ^ hash >>> 33) * PRIME_2;
    hash = (hash ^ hash >>> 29) * PRIME_3;
    return hash ^ hash >>> 32;
  }

  /**
   * For files and messages.
   *
   * @return {@link #value()} as 16 hexadecimal digits
   */
  @Override
  public String toString() {
    return "%016x".formatted(value());
  }

  private void addRoom(int stripes) {
    long lane0 = lanes[0];
    long lane1 = lanes[1];
    long lane2 = lanes[2];
    long lane3 = lanes[3];
    for (int i = 0; i < stripes * 4; i += 4) {
      lane0 = round(lane0, room[i]);
      lane1 = round(lane1, room[i + 1]);
      lane2 = round(lane2, room[i + 2]);
      lane3 = round(lane3, room[i + 3]);
    }
    lanes[0] = lane0;
    lanes[1] = lane1;
    lanes[2] = lane2;
    lanes[3] = lane3;
  }

  private static long round(long lane, long input) {
    return Long.rotateLeft(lane + input * PRIME_2, 31) * PRIME_1;
  }
}
