package dev.eeve.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class BlockingTest {
  @Test
  void aSizeThatIsNoMultipleIsRefusedByName() {
    Refusal.of(
        "blocking: tokens 0, needed a positive multiple of 1", () -> new Blocking(0, 16, 4, 32));
    Refusal.of(
        "blocking: keys 24, needed a positive multiple of 16", () -> new Blocking(1, 24, 4, 32));
    Refusal.of(
        "blocking: depth 0, needed a positive multiple of 1", () -> new Blocking(1, 16, 0, 32));
    Refusal.of(
        "blocking: vocabularyRows -32, needed a positive multiple of 32",
        () -> new Blocking(1, 16, 4, -32));
    Refusal.of("blocking: strassenRows -1, needed 0 or more", () -> new Blocking(1, 16, 4, 32, -1));
  }

  @Test
  void theSmallestSizesAreAccepted() {
    assertEquals(1, new Blocking(1, 16, 1, 32).depth());
  }

  @Test
  void aViewOutsideItsArrayIsRefused() {
    Refusal.of(
        "matrix: (2, 3) from 1, the array holds 6 floats",
        () -> new FloatMatrix(new float[6], 1, 2, 3));
    Refusal.of("rows: 2 from 1, the matrix has 2", () -> FloatMatrix.allocate(2, 3).rows(1, 2));
  }
}
