package dev.eeve.bench;

/**
 * A model's sizes.
 *
 * @param hidden C
 * @param heads H
 * @param headSize D
 * @param intermediate F
 * @param vocabulary V
 */
record Width(int hidden, int heads, int headSize, int intermediate, int vocabulary) {
  private static final Width PHI2 = new Width(2560, 32, 80, 10240, 51200);

  /** So small that every benchmark's set-up and one call end at once; no multiples of a vector. */
  private static final Width TINY = new Width(160, 2, 80, 331, 1031);

  static Width of(String model) {
    return switch (model) {
      case "phi2" -> PHI2;
      case "tiny" -> TINY;
      default ->
          throw new IllegalArgumentException("shape: " + model + ", needed phi2 or tiny first");
    };
  }

  boolean isTiny() {
    return this == TINY;
  }
}
