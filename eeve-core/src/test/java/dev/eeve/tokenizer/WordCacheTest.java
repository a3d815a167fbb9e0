package dev.eeve.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WordCacheTest {
  private static final long LIMIT = 32L << 20;

  private static long usedHeap() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  @Test
  void itStaysBelow32MegabytesHoweverManyPiecesItSeesAndStillAnswers() {
    Random random = new Random(8);
    char[] text = new char[20];
    int[] ids = new int[24];
    Workspace work = new Workspace();
    final long before = usedHeap();
    WordCache cache = new WordCache();
    long last = 0;
    for (int i = 0; i < 1_500_000; i++) { // some 100 MB of entries
      last = random.nextLong();
      fill(text, ids, last);
      cache.add(text, 0, 20, WordCache.hash(text, 0, 20), ids, 0, 24);
    }
    long used = usedHeap() - before;
    assertTrue(used < LIMIT, used + " bytes");
    assertTrue(WordCache.MAX_BYTES < LIMIT, WordCache.MAX_BYTES + " bytes at most");
    fill(text, ids, last);
    assertTrue(cache.find(text, 0, 20, WordCache.hash(text, 0, 20), work));
    assertArrayEquals(ids, Arrays.copyOf(work.ids, work.count));
  }

  private static void fill(char[] text, int[] ids, long seed) {
    for (int i = 0; i < text.length; i++) {
      text[i] = (char) ('가' + (seed * (i + 1) >>> 40) % 11_172);
    }
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (int) (seed >>> i & 0xFFFF);
    }
  }
}
