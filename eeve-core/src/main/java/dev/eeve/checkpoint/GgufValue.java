package dev.eeve.checkpoint;

import java.util.List;

/** A value of GGUF's metadata. Arrays of arrays are not supported, here as in llama.cpp. */
public sealed interface GgufValue {
  /**
   * An integer.
   *
   * @param type one of the integer types
   * @param value negative for a UINT64 beyond a long
   */
  record Whole(GgufType type, long value) implements GgufValue {}

  /**
   * A fraction.
   *
   * @param type FLOAT32 or FLOAT64
   * @param value exact
   */
  record Real(GgufType type, double value) implements GgufValue {}

  /**
   * A yes or no.
   *
   * @param value which
   */
  record Flag(boolean value) implements GgufValue {
    @Override
    public GgufType type() {
      return GgufType.BOOL;
    }
  }

  /**
   * A string.
   *
   * @param value Unicode text
   */
  record Text(String value) implements GgufValue {
    @Override
    public GgufType type() {
      return GgufType.STRING;
    }
  }

  /**
   * An array.
   *
   * @param elements the type of each
   * @param values Long for integer types, Double for fractions, Boolean or String
   */
  record Array(GgufType elements, List<?> values) implements GgufValue {
    /** Keeps a copy. */
    public Array {
      values = List.copyOf(values);
    }

    @Override
    public GgufType type() {
      return GgufType.ARRAY;
    }
  }

  /**
   * The type in the file.
   *
   * @return of the value as a whole
   */
  GgufType type();

  /**
   * The usual integer.
   *
   * @param value 0 or more
   * @return a UINT32
   */
  static GgufValue of(int value) {
    return new Whole(GgufType.UINT32, value);
  }

  /**
   * The usual fraction.
   *
   * @param value any
   * @return a FLOAT32
   */
  static GgufValue of(float value) {
    return new Real(GgufType.FLOAT32, value);
  }

  /**
   * A yes or no.
   *
   * @param value which
   * @return a BOOL
   */
  static GgufValue of(boolean value) {
    return new Flag(value);
  }

  /**
   * A string.
   *
   * @param value Unicode text
   * @return a STRING
   */
  static GgufValue of(String value) {
    return new Text(value);
  }

  /**
   * Strings.
   *
   * @param values Unicode texts
   * @return an ARRAY of STRING
   */
  static GgufValue strings(List<String> values) {
    return new Array(GgufType.STRING, values);
  }

  /**
   * Integers.
   *
   * @param values each in 32 bits
   * @return an ARRAY of INT32
   */
  static GgufValue integers(List<Integer> values) {
    return new Array(GgufType.INT32, values.stream().map(Integer::longValue).toList());
  }
}
