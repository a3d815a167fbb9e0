package dev.eeve.vocabulary;

import java.util.Arrays;

/** Numbers pairs of ids in the order they come, from 0. */
final class PairTable {
  private long[] pairs = new long[1024];
  private int[] slots = new int[4096];
  private int size;

  static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  static int left(long pair) {
    return (int) (pair >>> 32);
  }

  static int right(long pair) {
    return (int) pair;
  }

  int size() {
    return size;
  }

  long pair(int number) {
    return pairs[number];
  }

  /** The number of a pair, or -1. */
  int find(long pair) {
    int mask = slots.length - 1;
    for (int slot = start(pair, mask); slots[slot] != 0; slot = slot + 1 & mask) {
      if (pairs[slots[slot] - 1] == pair) {
        return slots[slot] - 1;
      }
    }
    return -1;
  }

  /** The number of a pair, a new one if it has none. */
  int add(long pair) {
    int mask = slots.length - 1;
    int slot = start(pair, mask);
    while (slots[slot] != 0) {
      if (pairs[slots[slot] - 1] == pair) {
        return slots[slot] - 1;
      }
      slot = slot + 1 & mask;
    }
    if (size == pairs.length) {
      pairs = Arrays.copyOf(pairs, size * 2);
    }
    pairs[size] = pair;
    slots[slot] = ++size;
    if (size * 2 > slots.length) {
      grow();
    }
    return size - 1;
  }

  private void grow() {
    slots = new int[slots.length * 4];
    int mask = slots.length - 1;
    for (int i = 0; i < size; i++) {
      int slot = start(pairs[i], mask);
      while (slots[slot] != 0) {
        slot = slot + 1 & mask;
      }
      slots[slot] = i + 1;
    }
  }

  /** Forgets all pairs. */
  void clear() {
    if (size * 16 < slots.length) {
      int mask = slots.length - 1;
      for (int i = size - 1; i >= 0; i--) { // the last one in is the end of its run
        int slot = start(pairs[i], mask);
        while (slots[slot] != i + 1) {
          slot = slot + 1 & mask;
        }
        slots[slot] = 0;
      }
    } else {
      Arrays.fill(slots, 0);
    }
    size = 0;
  }

  private static int start(long pair, int mask) {
    return (int) ((pair ^ pair >>> 32) * 0x9E3779B97F4A7C15L >>> 32) & mask;
  }
}
