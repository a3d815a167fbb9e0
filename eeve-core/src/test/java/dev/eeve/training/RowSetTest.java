package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RowSetTest {
  @Test
  void rangesThatOverlapOrTouchBecomeOne() {
    RowSet set = RowSet.range(10, 20).union(RowSet.range(15, 30)).union(RowSet.range(30, 31));
    assertEquals(RowSet.range(10, 31), set);
    assertEquals("[10:31]", set.toString());
    RowSet apart = set.union(RowSet.range(0, 2));
    assertEquals("[0:2][10:31]", apart.toString());
    assertEquals(23, apart.count());
    assertEquals(RowSet.from(10), set.union(RowSet.from(31)));
  }

  @Test
  void unionsHoldExactlyTheRowsOfTheirParts() {
    SplittableRandom random = new SplittableRandom(1);
    for (int round = 0; round < 200; round++) {
      RowSet set = RowSet.none();
      BitSet expected = new BitSet();
      for (int part = 0; part < 6; part++) {
        int from = random.nextInt(40);
        int to = from + 1 + random.nextInt(8);
        expected.set(from, to);
        set = set.union(RowSet.range(from, to));
      }
      assertEquals(expected.cardinality(), set.count());
      for (int row = 0; row < 50; row++) {
        assertEquals(expected.get(row), set.contains(row), set + " " + row);
      }
      for (int i = 1; i < set.ranges().size(); i++) {
        assertTrue(set.ranges().get(i - 1).to() < set.ranges().get(i).from(), set.toString());
      }
    }
  }

  @Test
  void anOpenEndBecomesTheLastRow() {
    assertEquals(RowSet.range(0, 7), RowSet.all().within(7));
    assertEquals(RowSet.range(3, 7), RowSet.from(3).within(7));
    assertTrue(RowSet.none().within(7).isEmpty());
    assertFalse(RowSet.from(3).within(7).contains(7));
    assertThrows(IllegalStateException.class, () -> RowSet.from(3).count());
  }

  @Test
  void rowsPastTheLastAndEmptyRangesAreRefused() {
    assertEquals(
        "row 60000 is past the last row 58943; choose rows up to that",
        refusal(() -> RowSet.from(60_000).within(58_944)));
    assertEquals(
        "row 7 is past the last row 6; choose rows up to that",
        refusal(() -> RowSet.range(2, 8).within(7)));
    refusal(() -> RowSet.range(3, 3));
    refusal(() -> RowSet.range(-1, 3));
    refusal(() -> RowSet.from(-1));
  }

  private static String refusal(org.junit.jupiter.api.function.Executable executable) {
    return assertThrows(IllegalArgumentException.class, executable).getMessage();
  }
}
