package dev.eeve.kernels;

/**
 * Cuts a product's blocks into units: groups of some blocks, which share a packed tile of rows, and
 * towards the end single ones, so that all threads end together. Results do not depend on it.
 */
final class UnitGroups {
  private int blocks;
  private int size;

  /** Units that are groups; those after them are single blocks. */
  private int groups;

  /** Groups of {@code size}, but for the last {@code single} blocks and what is left over. */
  void cut(int blocks, int size, int single) {
    this.blocks = blocks;
    this.size = size;
    groups = Math.max(0, blocks - (size == 1 ? 0 : single)) / size;
  }

  /** At least {@code count} of them, those that are there first. */
  static UnitGroups[] grown(UnitGroups[] there, int count) {
    if (there.length >= count) {
      return there;
    }
    UnitGroups[] more = new UnitGroups[count];
    for (int i = 0; i < count; i++) {
      more[i] = i < there.length ? there[i] : new UnitGroups();
    }
    return more;
  }

  int units() {
    return groups + blocks - groups * size;
  }

  /** The first block of a unit. */
  int first(int unit) {
    return unit < groups ? unit * size : groups * size + unit - groups;
  }

  /** Blocks of a unit. */
  int count(int unit) {
    return unit < groups ? size : 1;
  }
}
