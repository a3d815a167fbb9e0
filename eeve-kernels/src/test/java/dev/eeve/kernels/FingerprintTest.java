package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FingerprintTest {
  private static MemorySegment bytes(String text) {
    return MemorySegment.ofArray(text.getBytes(StandardCharsets.US_ASCII));
  }

  /** Answers of the xxhash library. */
  @Test
  void knownAnswers() {
    assertEquals("ef46db3751d8e999", new Fingerprint().toString());
    assertEquals("d24ec4f1a98c6e5b", new Fingerprint().add(bytes("a")).toString());
    assertEquals("44bc2cf5ad770999", new Fingerprint().add(bytes("abc")).toString());
    assertEquals(
        "0b242d361fda71bc",
        new Fingerprint().add(bytes("The quick brown fox jumps over the lazy dog")).toString());
  }

  @Test
  void piecesGiveWhatTheWholeGives() {
    byte[] data = new byte[1000];
    new Random(1).nextBytes(data);
    MemorySegment all = MemorySegment.ofArray(data);
    Random random = new Random(2);
    for (int length = 0; length < 1000; length += 7) {
      long expected = new Fingerprint().add(all.asSlice(0, length)).value();
      Fingerprint pieces = new Fingerprint();
      for (int at = 0; at < length; ) {
        int size = Math.min(length - at, random.nextInt(90));
        pieces.add(all.asSlice(at, size));
        at += size;
      }
      assertEquals(expected, pieces.value());
    }
  }

  @Test
  void everyWeightCountsAtAnyNumberOfThreads() {
    try (Arena arena = Arena.ofShared();
        WorkerPool one = new WorkerPool(1);
        WorkerPool three = new WorkerPool(3);
        Workers alone = one.workers();
        Workers shared = three.workers()) {
      Set<Long> seen = new HashSet<>();
      float[] values = new RandomData(1).floats(1100 * 2000, ElementType.BF16);
      for (int changed : new int[] {-1, 0, 1, 1999, 1_000_001, 1100 * 2000 - 1}) {
        float[] some = values.clone();
        if (changed >= 0) {
          some[changed] = -some[changed];
        }
        Weights weights = RandomData.weights(arena, ElementType.BF16, 1100, 2000, some);
        long value = new Fingerprint().add(alone, weights).value();
        assertEquals(value, new Fingerprint().add(shared, weights).value());
        seen.add(value);
      }
      assertEquals(6, seen.size());
    }
  }

  @Test
  void textsAreApart() {
    assertNotEquals(
        new Fingerprint().add("ab").add("c").value(), new Fingerprint().add("a").add("bc").value());
  }
}
