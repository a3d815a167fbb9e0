package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class EpochPlanTest {
  private static TokenDataset data(int sequences, int longest) {
    SplittableRandom random = new SplittableRandom(3);
    List<int[]> all = new ArrayList<>();
    for (int i = 0; i < sequences; i++) {
      int[] sequence = new int[2 + random.nextInt(longest - 1)];
      Arrays.setAll(sequence, t -> random.nextInt(100));
      all.add(sequence);
    }
    return TokenDataset.of(all);
  }

  private static TrainingConfig config(boolean packing, boolean shuffle, long seed) {
    return TrainingConfig.defaults(1).withSequences(64, packing).withOrder(shuffle, seed, 0);
  }

  private static int[] order(TokenDataset data, TrainingConfig config, int epoch) {
    EpochPlan plan = EpochPlan.of(data, EpochPlan.chances(data, RowSet.none(), 0), config, epoch);
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < plan.size(); i++) {
      for (int sequence : plan.item(i)) {
        order.add(sequence);
      }
    }
    assertEquals(plan.sequences(), order.size());
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  private static int[] counting(int n) {
    int[] values = new int[n];
    Arrays.setAll(values, i -> i);
    return values;
  }

  @Test
  void withoutShuffleTheOrderIsTheFilesForAnySeed() {
    TokenDataset data = data(1000, 64);
    for (long seed = 0; seed < 200; seed++) {
      assertArrayEquals(counting(1000), order(data, config(false, false, seed), 0));
    }
  }

  @Test
  void aShuffledEpochSeesEachSequenceOnceInAnOrderOfItsSeedAndNumber() {
    TokenDataset data = data(1000, 64);
    for (boolean packing : new boolean[] {false, true}) {
      int[] first = order(data, config(packing, true, 7), 0);
      assertArrayEquals(first, order(data, config(packing, true, 7), 0));
      assertFalse(Arrays.equals(first, order(data, config(packing, true, 7), 1)));
      assertFalse(Arrays.equals(first, order(data, config(packing, true, 8), 0)));
      Arrays.sort(first);
      assertArrayEquals(counting(1000), first);
    }
  }

  @Test
  void theOrderIsFixedForEver() {
    TokenDataset data = data(10, 5);
    assertArrayEquals(
        new int[] {9, 8, 7, 1, 0, 6, 5, 4, 2, 3}, order(data, config(false, true, 42), 0));
  }

  @Test
  void packsHoldNoMoreThanASequenceAndAreNearlyFull() {
    TokenDataset data = data(2000, 40);
    List<int[]> packs = SequencePacker.pack(data, counting(2000), 64);
    int seen = 0;
    for (int[] pack : packs) {
      int tokens = Arrays.stream(pack).map(data::length).sum();
      assertTrue(tokens <= 64, "a pack of " + tokens);
      seen += pack.length;
    }
    assertEquals(2000, seen);
    double fill = data.tokens() / (64.0 * packs.size());
    assertTrue(fill > 0.97, "filled " + fill);
  }

  @Test
  void weightsSayHowOftenAnEpochSeesASequence() {
    double[] chances = new double[1000];
    Arrays.fill(chances, 0, 500, 2);
    Arrays.fill(chances, 500, 1000, 0.25);
    for (long seed = 0; seed < 5; seed++) {
      int[] order = EpochPlan.draw(chances, new RandomNumbers(seed));
      int[] seen = new int[1000];
      Arrays.stream(order).forEach(i -> seen[i]++);
      for (int i = 0; i < 500; i++) {
        assertEquals(2, seen[i]);
      }
      assertEquals(125, order.length - 1000, "a quarter of the second half");
    }
  }

  @Test
  void theBiasFavoursNewTokensAndKeepsTheEpochsLength() {
    List<int[]> sequences = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      sequences.add(i % 2 == 0 ? new int[] {1, 2, 3, 4} : new int[] {1, 100, 101, 102});
    }
    TokenDataset data = TokenDataset.of(sequences);
    RowSet fresh = RowSet.from(100).within(200);
    assertEquals(0.75, data.share(1, fresh));
    double[] chances = EpochPlan.chances(data, fresh, 4);
    assertEquals(0.4, chances[0], 1e-12);
    assertEquals(1.6, chances[1], 1e-12, "1 + 4 · 0.75 is four times 1 + 4 · 0");
    int[] order = EpochPlan.draw(chances, new RandomNumbers(5));
    assertEquals(1000, order.length);
    assertEquals(800, Arrays.stream(order).filter(i -> i % 2 == 1).count(), 20);
  }

  @Test
  void randomNumbersAreUniformAndFixed() {
    RandomNumbers random = new RandomNumbers(1, 2);
    int[] seen = new int[6];
    for (int i = 0; i < 60_000; i++) {
      seen[random.below(6)]++;
    }
    for (int count : seen) {
      assertEquals(10_000, count, 400);
    }
    RandomNumbers plain = new RandomNumbers();
    assertTrue(plain.unit() < 1);
    assertTrue(RandomNumbers.mix(1, 2) != RandomNumbers.mix(2, 1));
  }
}
