package dev.eeve.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Buffers of one thread, grown on first need and kept, so that calls allocate nothing. */
final class Scratch implements AutoCloseable {
  private static final int ALIGNMENT = 64;

  private final float[][] buffers = new float[Use.values().length][0];
  private final OffHeap[] segments = new OffHeap[Use.values().length];

  /** Memory that starts where a cache line does, which no array on the heap is sure to. */
  private record OffHeap(Arena arena, MemorySegment memory) {}

  private final AttentionBuffers attention = new AttentionBuffers();
  private final short[][] shorts = new short[Use.values().length][0];
  private double[] doubles = {};
  private byte[] bytes = {};
  private int[] ints = {};
  private int[] codes = {};

  /** What a buffer is for; one thread may use each of them at the same time. */
  enum Use {
    WEIGHTS,
    PRODUCT,
    QUERIES,
    KEYS,
    VALUES,
    SCORES,
    PROBABILITIES,
    OUTPUT,
    RUNNING,
    LINE,
    LINES,
    KEY_LINES,
    QUERY_LINES,
    GRADIENT_LINES,
    SUMS,
    SCALES,
    WIDENED
  }

  /** At least {@code size} floats of unknown content. */
  float[] floats(Use use, int size) {
    float[] buffer = buffers[use.ordinal()];
    if (buffer.length < size) {
      buffer = new float[size];
      buffers[use.ordinal()] = buffer;
    }
    return buffer;
  }

  /** At least {@code bytes} bytes of unknown content, off-heap. */
  MemorySegment segment(Use use, long bytes) {
    OffHeap held = segments[use.ordinal()];
    if (held == null || held.memory.byteSize() < bytes) {
      if (held != null) {
        segments[use.ordinal()] = null;
        held.arena.close();
      }
      Arena arena = Arena.ofShared(); // whoever closes the pool may be another thread
      held = new OffHeap(arena, arena.allocate(bytes, ALIGNMENT));
      segments[use.ordinal()] = held;
    }
    return held.memory;
  }

  /** Frees what is off-heap. */
  @Override
  public void close() {
    for (int i = 0; i < segments.length; i++) {
      if (segments[i] != null) {
        segments[i].arena.close();
        segments[i] = null;
      }
    }
  }

  /** At least {@code size} shorts of unknown content. */
  short[] shorts(Use use, int size) {
    if (shorts[use.ordinal()].length < size) {
      shorts[use.ordinal()] = new short[size];
    }
    return shorts[use.ordinal()];
  }

  /** At least {@code size} bytes of unknown content. */
  byte[] bytes(int size) {
    if (bytes.length < size) {
      bytes = new byte[size];
    }
    return bytes;
  }

  /** At least {@code size} doubles of unknown content. */
  double[] doubles(int size) {
    if (doubles.length < size) {
      doubles = new double[size];
    }
    return doubles;
  }

  /** At least {@code size} ints of unknown content. */
  int[] ints(int size) {
    if (ints.length < size) {
      ints = new int[size];
    }
    return ints;
  }

  /** As {@link #ints}, beside them. */
  int[] codes(int size) {
    if (codes.length < size) {
      codes = new int[size];
    }
    return codes;
  }

  AttentionBuffers attentionBuffers() {
    return attention;
  }
}
