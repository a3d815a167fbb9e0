package dev.eeve.checkpoint;

import java.util.Map;
import java.util.Optional;

/** The numbers of tensor types in GGUF, from {@code ggml.h}. */
final class GgufTensorTypes {
  private static final Map<DType, Integer> NUMBERS =
      Map.of(
          DType.F32,
          0,
          DType.F16,
          1,
          DType.Q4_0,
          2,
          DType.Q8_0,
          8,
          DType.Q4_K,
          12,
          DType.Q5_K,
          13,
          DType.Q6_K,
          14,
          DType.BF16,
          30);

  /** Types others write that are not read here, so that messages can name them. */
  private static final Map<Integer, String> OTHERS =
      Map.ofEntries(
          Map.entry(3, "Q4_1"),
          Map.entry(6, "Q5_0"),
          Map.entry(7, "Q5_1"),
          Map.entry(10, "Q2_K"),
          Map.entry(11, "Q3_K"),
          Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"),
          Map.entry(18, "IQ3_XXS"),
          Map.entry(19, "IQ1_S"),
          Map.entry(20, "IQ4_NL"),
          Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"),
          Map.entry(23, "IQ4_XS"),
          Map.entry(29, "IQ1_M"));

  private GgufTensorTypes() {}

  static Optional<DType> of(int number) {
    return NUMBERS.entrySet().stream()
        .filter(entry -> entry.getValue() == number)
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** For types that a file may be written with. */
  static Optional<Integer> number(DType type) {
    return Optional.ofNullable(NUMBERS.get(type));
  }

  /** What a type that is not read is called. */
  static String describe(int number) {
    String name = OTHERS.get(number);
    return name == null ? "number " + Integer.toUnsignedString(number) : name;
  }
}
