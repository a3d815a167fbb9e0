package dev.eeve.training;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/** A plain map of settings, read key by key; what nobody reads is an error. */
final class Settings {
  private static final Set<String> GPU_ONLY =
      Set.of(
          "bf16",
          "fp16",
          "tf32",
          "bfloat16",
          "float16",
          "flash_attention",
          "flash_attn_cross_entropy",
          "flash_attn_rms_norm",
          "flash_attn_fuse_qkv",
          "flash_attn_fuse_mlp",
          "xformers_attention",
          "sdp_attention",
          "s2_attention",
          "load_in_8bit",
          "load_in_4bit",
          "deepspeed",
          "fsdp",
          "fsdp_config",
          "device_map",
          "local_rank",
          "torch_compile",
          "gpu_memory_limit");

  private final String prefix;
  private final Map<String, Object> values;
  private final Set<String> read = new LinkedHashSet<>();

  Settings(String prefix, Map<String, Object> values) {
    this.prefix = prefix;
    this.values = values;
  }

  static IllegalArgumentException failure(String key, Object found, String needed) {
    return new IllegalArgumentException(key + ": " + found + " found, needed " + needed);
  }

  /** A value, unless the key is missing or null. */
  Optional<Object> value(String key) {
    read.add(key);
    return Optional.ofNullable(values.get(key));
  }

  /** Whether the key is there without a value, as {@code adapter:} is. */
  boolean isBlank(String key) {
    return values.containsKey(key) && values.get(key) == null;
  }

  boolean has(String key) {
    return values.get(key) != null;
  }

  Optional<String> text(String key) {
    return value(key)
        .map(
            found -> {
              if (found instanceof Map || found instanceof List) {
                throw failure(prefix + key, found, "text");
              }
              return found.toString();
            });
  }

  Optional<Path> path(String key) {
    return text(key).map(Path::of);
  }

  boolean flag(String key, boolean otherwise) {
    return switch (value(key).orElse(otherwise)) {
      case Boolean flag -> flag;
      case String s when s.equals("true") || s.equals("false") -> Boolean.parseBoolean(s);
      case Object found -> throw failure(prefix + key, found, "true or false");
    };
  }

  OptionalDouble number(String key) {
    return switch (value(key).orElse(null)) {
      case null -> OptionalDouble.empty();
      case Number number -> OptionalDouble.of(number.doubleValue());
      case String s -> OptionalDouble.of(parse(key, s)); // YAML reads 2e-4 as text
      case Object found -> throw failure(prefix + key, found, "a number");
    };
  }

  private double parse(String key, String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw failure(prefix + key, '"' + text + '"', "a number");
    }
  }

  long whole(String key, long otherwise) {
    OptionalDouble number = number(key);
    double value = number.orElse(otherwise);
    if (value != Math.rint(value) || Math.abs(value) > 1L << 53) {
      throw failure(prefix + key, value(key).orElse(null), "a whole number");
    }
    return number.isPresent() ? (long) value : otherwise;
  }

  int count(String key, int otherwise) {
    long value = whole(key, otherwise);
    if (value != (int) value) {
      throw failure(prefix + key, value, "at most " + Integer.MAX_VALUE);
    }
    return (int) value;
  }

  /** A count of at least {@code least}. */
  int count(String key, int otherwise, int least) {
    int count = count(key, otherwise);
    if (count < least) {
      throw failure(prefix + key, count, "at least " + least);
    }
    return count;
  }

  /** A list; a single value is a list of one. */
  List<Object> list(String key) {
    return switch (value(key).orElse(null)) {
      case null -> List.of();
      case List<?> list -> new ArrayList<>(list);
      case Object one -> List.of(one);
    };
  }

  List<String> texts(String key) {
    return list(key).stream()
        .map(
            one -> {
              if (one instanceof String text) {
                return text;
              }
              throw failure(prefix + key, one, "a list of texts");
            })
        .toList();
  }

  /** The entries of a map, or of its single most telling key. */
  static Map<String, Object> map(String key, Object value) {
    if (!(value instanceof Map<?, ?> map)) {
      throw failure(key, value, "keys with values");
    }
    Map<String, Object> entries = new LinkedHashMap<>();
    map.forEach((name, entry) -> entries.put(String.valueOf(name), entry));
    return entries;
  }

  /** Refuses keys that nobody read; those that only steer a GPU are passed over with a warning. */
  List<String> finish() {
    List<String> warnings = new ArrayList<>();
    for (String key : values.keySet()) {
      if (GPU_ONLY.contains(key) && prefix.isEmpty()) {
        warnings.add(key + ": steers a GPU, passed over; this trains in fp32 on the CPU");
      } else if (!read.contains(key)) {
        throw new IllegalArgumentException(
            prefix + key + ": unknown key, needed one of " + String.join(", ", read));
      }
    }
    return warnings;
  }
}
