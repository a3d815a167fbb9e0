package dev.eeve.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A tensor to be written.
 *
 * @param name its name in the file
 * @param dtype its element type
 * @param shape its dimensions, outermost first; empty for a scalar
 */
public record TensorSpec(String name, DType dtype, List<Long> shape) {
  /**
   * Checks it.
   *
   * @throws IllegalArgumentException where the name is reserved or no Unicode text, a dimension is
   *     negative, the innermost one is not whole blocks, or the size in bytes exceeds a long
   */
  public TensorSpec {
    shape = List.copyOf(shape);
    if (name.equals(SafetensorsHeader.METADATA)
        || !StandardCharsets.UTF_8.newEncoder().canEncode(name)) {
      throw new IllegalArgumentException(
          "name: " + CheckpointException.quote(name) + " cannot name a tensor");
    }
    byteSize(dtype, shape);
  }

  /**
   * The space it takes.
   *
   * @return in bytes
   */
  public long byteSize() {
    return byteSize(dtype, shape);
  }

  /** Throws IllegalArgumentException for a bad dimension or a size beyond a long. */
  static long byteSize(DType dtype, List<Long> shape) {
    try {
      long elements = 1;
      for (long dimension : shape) {
        if (dimension < 0) {
          throw new IllegalArgumentException(
              "shape " + describe(shape) + ": dimension " + dimension + ", needed 0 or more");
        }
        elements = Math.multiplyExact(elements, dimension);
      }
      dtype.byteSize(shape.isEmpty() ? 1 : shape.getLast()); // blocks never reach across rows
      return dtype.byteSize(elements);
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "shape " + describe(shape) + ": its size overflows 64 bits", e);
    }
  }

  /** As {@code (58944, 2560)}; a hostile file's endless shape is cut. */
  static String describe(List<Long> shape) {
    String all = shape.stream().limit(8).map(String::valueOf).collect(Collectors.joining(", "));
    return "(" + all + (shape.size() > 8 ? ", …)" : ")");
  }
}
