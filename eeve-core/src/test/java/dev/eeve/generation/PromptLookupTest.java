package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PromptLookupTest {
  private static final int MOST = PromptLookup.MAX_ROWS - 1;

  /** Four rows for little more than one, as where weights are read from memory. */
  private static double cheap(int rows) {
    return 1.3 + 0.55 * (Math.ceilDiv(rows, 4) - 1);
  }

  /** Goes through a text token by token; returns the drafts worth running before each. */
  private static int[] walk(PromptLookup lookup, int[] text, int from) {
    int[] drafts = new int[text.length];
    for (int count = from; count < text.length; count++) {
      drafts[count] = lookup.predict(text, count, MOST);
      lookup.came(text[count]);
    }
    return drafts;
  }

  private static int[] period(int length, int period) {
    int[] text = new int[length];
    Arrays.setAll(text, i -> i % period);
    return text;
  }

  @Test
  void theLatestOfTheLongestAppearancesIsContinued() {
    PromptLookup lookup = new PromptLookup(PromptLookupTest::cheap);
    int[] text = {1, 2, 3, 7, 2, 3, 8, 1, 2, 3, 9, 5, 2, 3};
    lookup.predict(text, text.length, MOST);
    assertEquals(9, lookup.draft(0), "2 3 last came before 9");
    assertEquals(5, lookup.draft(1));
    lookup.predict(new int[] {1, 2, 3, 7, 2, 3, 8, 1, 2, 3}, 10, MOST);
    assertEquals(7, lookup.draft(0), "1 2 3 came before 7");
    assertEquals(0, lookup.predict(new int[] {1, 2, 3, 4}, 4, MOST));
    assertFalse(lookup.came(5), "nothing was predicted");
  }

  @Test
  void pastTheEndAPredictionContinuesWhatItPredicts() {
    PromptLookup lookup = new PromptLookup(PromptLookupTest::cheap);
    lookup.predict(new int[] {9, 4, 5, 6, 4, 5, 6}, 7, MOST);
    for (int i = 0; i < MOST; i++) {
      assertEquals(4 + i % 3, lookup.draft(i));
    }
  }

  @Test
  void aTextThatRepeatsIsDraftedMoreAndMore() {
    int[] drafts = walk(new PromptLookup(PromptLookupTest::cheap), period(80, 20), 5);
    assertEquals(0, Arrays.stream(drafts, 0, 21).sum(), "nothing to copy yet");
    int first = 0;
    while (drafts[first] == 0) {
      first++;
    }
    assertTrue(first < 30, "after " + first);
    assertEquals(MOST, drafts[79]);
  }

  @Test
  void aTextThatDoesNotRepeatIsHardlyDrafted() {
    for (int vocabulary : new int[] {10, 100, 10_000}) {
      int[] text = new SplittableRandom(vocabulary).ints(1000, 0, vocabulary).toArray();
      int[] drafts = walk(new PromptLookup(PromptLookupTest::cheap), text, 100);
      double extra =
          Arrays.stream(drafts).filter(n -> n > 0).mapToDouble(n -> cheap(n + 1) - 1).sum();
      assertTrue(extra <= 0.01 * 900, vocabulary + ": " + extra + " steps of 900");
    }
  }

  @Test
  void draftsThatStopComingAreGivenUpAndTakenUpAgain() {
    PromptLookup lookup = new PromptLookup(PromptLookupTest::cheap);
    int[] text = period(400, 20);
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 200; i < 300; i++) { // four tokens as before, then another: every match misleads
      text[i] = i % 5 == 4 ? 20 + random.nextInt(1000) : text[i];
    }
    int[] drafts = walk(lookup, text, 5);
    assertTrue(Arrays.stream(drafts, 260, 300).filter(n -> n > 4).count() < 4);
    assertEquals(MOST, drafts[399]);
  }

  @Test
  void whereABlockCostsWhatItsRowsCostNothingIsDrafted() {
    PromptLookup lookup = new PromptLookup(rows -> rows);
    assertEquals(0, Arrays.stream(walk(lookup, period(400, 7), 3)).sum());
  }

  @Test
  void roomIsKept() {
    PromptLookup lookup = new PromptLookup(PromptLookupTest::cheap);
    int[] text = period(100, 5);
    walk(lookup, text, 3);
    for (int most = 0; most <= MOST; most++) {
      int drafts = lookup.predict(text, text.length, most);
      assertTrue(drafts <= most, drafts + " of " + most);
    }
    assertEquals(0, lookup.predict(text, text.length, 0));
  }
}
