package dev.eeve.training;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Rows of a parameter: disjoint ranges in ascending order. Immutable. A set may be open at its end
 * until {@link #within} gives it a number of rows.
 */
public final class RowSet {
  /** Stands for "to the last row" until the number of rows is known. */
  private static final int OPEN = Integer.MAX_VALUE;

  private static final RowSet NONE = new RowSet(List.of());
  private static final RowSet ALL = new RowSet(List.of(new Range(0, OPEN)));

  /**
   * Neighbouring rows.
   *
   * @param from the first
   * @param to one past the last, more than {@code from}
   */
  public record Range(int from, int to) {
    /** Refuses an empty or negative range. */
    public Range {
      if (from < 0 || to <= from) {
        throw new IllegalArgumentException(
            "rows: [%d:%d], needed a first row of 0 or more and an end past it"
                .formatted(from, to));
      }
    }

    /**
     * Rows in it.
     *
     * @return at least 1
     */
    public int count() {
      return to - from;
    }
  }

  private final List<Range> ranges;

  private RowSet(List<Range> ranges) {
    this.ranges = ranges;
  }

  /**
   * No row.
   *
   * @return the empty set
   */
  public static RowSet none() {
    return NONE;
  }

  /**
   * Every row a parameter has.
   *
   * @return the set, open at its end
   */
  public static RowSet all() {
    return ALL;
  }

  /**
   * Rows from one on.
   *
   * @param first 0 or more
   * @return the set, open at its end
   */
  public static RowSet from(int first) {
    return new RowSet(List.of(new Range(first, OPEN)));
  }

  /**
   * Neighbouring rows.
   *
   * @param from the first, 0 or more
   * @param to one past the last, more than {@code from}
   * @return the set
   */
  public static RowSet range(int from, int to) {
    return new RowSet(List.of(new Range(from, to)));
  }

  /**
   * The rows of both sets; ranges that overlap or touch become one.
   *
   * @param other the other set
   * @return a new set
   */
  public RowSet union(RowSet other) {
    List<Range> sorted = new ArrayList<>(ranges);
    sorted.addAll(other.ranges);
    sorted.sort(Comparator.comparingInt(Range::from));
    List<Range> merged = new ArrayList<>();
    for (Range range : sorted) {
      if (!merged.isEmpty() && range.from() <= merged.getLast().to()) {
        Range last = merged.removeLast();
        merged.add(new Range(last.from(), Math.max(last.to(), range.to())));
      } else {
        merged.add(range);
      }
    }
    return new RowSet(List.copyOf(merged));
  }

  /**
   * This set among a number of rows: an open end becomes the last row.
   *
   * @param rows the rows there are
   * @return the set, with no open end
   * @throws IllegalArgumentException names a row of this set that is past the last one
   */
  public RowSet within(int rows) {
    List<Range> closed = new ArrayList<>();
    for (Range range : ranges) {
      int last = range.to() == OPEN ? range.from() : range.to() - 1;
      if (last >= rows) {
        throw new IllegalArgumentException(
            "row " + last + " is past the last row " + (rows - 1) + "; choose rows up to that");
      }
      closed.add(range.to() == OPEN ? new Range(range.from(), rows) : range);
    }
    return new RowSet(List.copyOf(closed));
  }

  /**
   * The ranges.
   *
   * @return disjoint and not touching, in ascending order
   */
  public List<Range> ranges() {
    return ranges;
  }

  /**
   * Whether there is no row.
   *
   * @return true for the empty set
   */
  public boolean isEmpty() {
    return ranges.isEmpty();
  }

  /**
   * Whether a row is in the set.
   *
   * @param row the row
   * @return true where a range holds it
   */
  public boolean contains(int row) {
    return ranges.stream().anyMatch(range -> row >= range.from() && row < range.to());
  }

  /**
   * Rows in the set.
   *
   * @return their number
   * @throws IllegalStateException where the end is open
   */
  public int count() {
    if (!ranges.isEmpty() && ranges.getLast().to() == OPEN) {
      throw new IllegalStateException(this + ": open at its end; call within(rows) first");
    }
    return ranges.stream().mapToInt(Range::count).sum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RowSet set && ranges.equals(set.ranges);
  }

  @Override
  public int hashCode() {
    return ranges.hashCode();
  }

  /** In axolotl's notation, as {@code [0:10][50295:]}. */
  @Override
  public String toString() {
    return ranges.stream()
        .map(range -> "[" + range.from() + ":" + (range.to() == OPEN ? "" : range.to()) + "]")
        .collect(Collectors.joining());
  }
}
